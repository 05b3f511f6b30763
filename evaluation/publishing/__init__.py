"""Published boards: results of a suite, one small file a method, that others build on."""
