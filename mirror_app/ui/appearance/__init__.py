"""How the page looks: its styles, and pictures within its own messages."""
