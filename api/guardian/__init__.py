"""What may veto a request before it reaches a model: `rules` is what policies say, `texts` what is looked at,
`watching` the policies of this process, `admitting` what each request is asked, `recording` what came of it."""
