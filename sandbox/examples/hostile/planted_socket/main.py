"""Leaves a socket as its submission."""

import socket

socket.socket(socket.AF_UNIX).bind("submission.csv")
