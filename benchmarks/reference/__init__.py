"""The yardstick: a bare async Django view on the stock handler that only forwards. No middleware, no checks."""
