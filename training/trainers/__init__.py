"""One trainer a kind of model; each turns samples into a model version and honest answers for the documents it learned from."""
