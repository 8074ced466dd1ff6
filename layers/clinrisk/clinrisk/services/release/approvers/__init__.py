"""Approvers as people: the link that each gets, the code that proves who answers, the mails to them."""
