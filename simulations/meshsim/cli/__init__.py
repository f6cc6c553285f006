"""The `meshsim` command: parsing and printing only, one module a command."""
