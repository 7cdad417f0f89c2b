"""What we may hold, what we hold, and what each kind of work costs."""
