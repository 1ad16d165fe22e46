"""Tests of sagas: an engine in memory and in virtual time, worlds to play in, a fault matrix, recorded histories."""
