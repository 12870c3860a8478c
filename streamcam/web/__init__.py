"""The control room: a page on 127.0.0.1 with the live picture, the figures and the looks.

`WebServer` (server.py) serves it; `send_look` and `send_preset` (client.py) talk to the running
program from another process. Nothing here imports FastAPI or uvicorn until a client connects.
"""
