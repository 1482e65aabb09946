"""nbgrader's gradebook, folders and commands around our engine; nbgrader itself is imported when something is done."""

from autograder.gradebook import on_demand

on_demand.begin()
