from .crossing import read as read
