"""The catalog as a file: upstreams, models and aliases, by name, in TOML or YAML.

files       bytes to tables, and tables to YAML
fields      what a field of the catalog takes from a file, and gives to it
reading     tables to entries; every mistake is told with its place in the file
storing     entries to rows: all of them or none
writing     rows to tables
"""
