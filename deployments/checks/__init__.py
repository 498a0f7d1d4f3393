"""What the doctor looks at, a module for each kind: `exposed` what is open, `parts` what is kept and called, `engine`
what drives. Each check is a function of the settings that yields findings; it tries, tidies up, and changes nothing.

Belongs here: a check, and what to do when it fails. Does not: printing and exit codes (`deployments.commands.doctor`).
"""
