"""The OpenFeature Remote Evaluation Protocol (OFREP), version 0.3.0: flags over HTTP, for any OpenFeature SDK."""
