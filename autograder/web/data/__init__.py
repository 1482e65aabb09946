"""What the server knows, in one database: tables, migrations, and a module of functions per concern."""
