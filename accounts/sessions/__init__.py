"""People who signed in to the API. Not Django's sessions, which are those of the staff pages.

tokens      what a session's token looks like, and what is stored of it
lifetimes   the settings: idle and absolute timeout, and how many a user may have
devices     which browser and system a session was opened with
ending      which sessions a change of their user spares
lockout     who has failed too often (django-axes)
checks      system checks of the settings
"""
