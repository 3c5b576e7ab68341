"""The engine's data as portable JSON: never pickle, with which write access to the database would be code execution."""

from dbos import DBOSPortableJSONSerializer

SERIALIZER = DBOSPortableJSONSerializer()
