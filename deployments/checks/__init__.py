"""What the doctor looks at, a module for each kind: `exposed` what is open, `parts` what is kept and called, `prefect`
what drives. Each check is a function of the settings that yields findings; it tries, tidies up, and changes nothing.
"""
