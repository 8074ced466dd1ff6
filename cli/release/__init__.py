"""The verbs about models: new candidates, what people decide about them, and what is live."""
