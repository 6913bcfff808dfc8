"""A fleet of real processes on real servers, to be killed, stopped and continued; and the history check.

    servers   throwaway PostgreSQL, Redis, NATS, RabbitMQ, each with a folder and a port of its own
    member    one process (`folkmoot up`, `folkmoot worker`, …) that can be killed, stopped, continued
    fleet     members on one store and one broker, with the agents below
    plugin    what the members load: tools of every effect class, whose calls leave witnesses
    load      submits tasks with keys, again and again where the answer was lost
    storm     kills members at random, and starts them again
    history   what store and witnesses say afterwards
    check     what is wrong with a history: nothing, if we keep our promises

Nothing here knows how the machine works inside: members are started by their command line and judged
by what they left behind.
"""
