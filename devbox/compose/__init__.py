"""Docker Compose: a compose file read as configuration, and the services beside the developed one.

What a compose file means is Compose's own business (interpolation, profiles, extends, include): it is asked
for the resolved form, and starts and stops every service that is not developed.
"""
