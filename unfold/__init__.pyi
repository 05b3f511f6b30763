from .encode import sparse_encode as sparse_encode
from .registry import MethodInfo as MethodInfo
from .registry import describe_methods as describe_methods
from .registry import dictionary_of as dictionary_of
from .registry import get_method as get_method
from .registry import list_methods as list_methods
from .solution import Solution as Solution
from .solution import Status as Status
