"""Who is mailed: the subscriptions of people, each with what it lets through."""
