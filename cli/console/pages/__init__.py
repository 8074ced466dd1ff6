"""One blueprint per page: it reads as the verb of the same name does, and fills a template."""
