"""W0, W1 and W2 with Quix Streams: peer.py workload brokers app input output guarantee commitMs directory. Runs until it is killed."""

import logging
import sys

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Sum

workload, brokers, app, source, sink, guarantee, commit_ms, directory = sys.argv[1:9]
logging.disable(logging.WARNING)

application = Application(
    broker_address=brokers,
    consumer_group=app,
    auto_offset_reset="earliest",
    processing_guarantee=guarantee,
    commit_interval=int(commit_ms) / 1000,
    state_dir=directory,
    consumer_extra_config={"fetch.wait.max.ms": 100, "max.partition.fetch.bytes": 1048576},
    producer_extra_config={"linger.ms": 5, "batch.size": 131072, "acks": "all"},
)
bids = application.topic(source, key_deserializer="str", value_deserializer="json")
results = application.topic(sink, key_serializer="str", value_serializer="json")


def converted(v):
    return {"auction": v["auction"], "bidder": v["bidder"], "price": v["price"] * 0.908, "dateTime": v["dateTime"]}


def count_up(v, state):
    n = state.get("n", 0) + 1
    state.set("n", n)
    return {"n": n}


stream = application.dataframe(bids)
if workload == "w0":
    stream = stream[stream["price"] % 2 == 0].apply(converted)
elif workload == "w1":
    stream = stream.tumbling_window(duration_ms=10_000, grace_ms=2_000).agg(n=Count(), total=Sum("price"))
    stream = stream.final(closing_strategy="partition").apply(lambda v, k, t, h: {**v, "key": k}, metadata=True)
else:
    stream = stream.group_by(lambda v: f"{v['channel']}|{v['auction']}", name="pair", key_serializer="str", key_deserializer="str")
    stream = stream.apply(count_up, stateful=True)
stream.to_topic(results)
application.run()
