"""When a template comes, which days an occurrence fills, and whether it is made: pure, with the time handed in.

`rule` knows periods and instants, `window` days and what a brief becomes on them, `holidays` the days to leave free,
`policy` what is in the way.
Belongs here: what follows from a template and a moment. Does not: what is stored of occurrences
(`campaigns.store.library.occurrences`), and the calendar of posts within a window (`campaigns.rules.calendar`).
"""
