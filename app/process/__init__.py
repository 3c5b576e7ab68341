"""What a process does about itself when it starts: its environment, its files, its Python."""
