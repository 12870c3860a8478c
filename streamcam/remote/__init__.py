"""Remote: an engine on another machine, as a run sees it, and the language that both speak."""
