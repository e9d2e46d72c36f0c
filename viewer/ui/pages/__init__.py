"""One module a page: parse arguments, ask the store, call a view model, render."""
