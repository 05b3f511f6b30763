"""Fail unless the wheel holds exactly the three packages and their data."""

import sys
import zipfile

names = zipfile.ZipFile(sys.argv[1]).namelist()
tops = {name.split("/")[0] for name in names}
packages = {top for top in tops if not top.endswith(".dist-info")}
assert packages == {"toy", "unfold", "evaluation"}, f"unexpected top level: {sorted(tops)}"
for package in packages:
    assert f"{package}/py.typed" in names, f"{package} ships no py.typed"
    assert f"{package}/__init__.pyi" in names, f"{package} ships no __init__.pyi"
assert any(name.endswith(".html.j2") for name in names), "the report's templates are missing"
print(f"wheel holds {len(names)} files in {sorted(packages)}")
