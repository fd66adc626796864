"""How the page looks: its style sheets and its inline pictures."""
