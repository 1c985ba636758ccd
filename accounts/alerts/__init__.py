"""Telling people and programs that spending reached a threshold: once each, over many processes and restarts."""
