"""An event file by TensorBoard's own protocol buffers and record writer.

The experiment is that of tests/unit/tracker/test_tensorboard.c. Needs tensorboard alone."""

import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

PATH = pathlib.Path(__file__).resolve().parent.parent / "golden" / "tensorboard.events"
BEGAN = 1767323045.0  # 2026-01-02T03:04:05 UTC


def value(wall_time, step, **members):
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(**members)])
    return event_pb2.Event(wall_time=wall_time, step=step, summary=summary)


def hparams(wall_time, tag, data):
    plugin = summary_pb2.SummaryMetadata.PluginData(
        plugin_name="hparams", content=data.SerializeToString(deterministic=True)
    )
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={})
    return value(wall_time, 0, tag=tag, tensor=tensor, metadata=summary_pb2.SummaryMetadata(plugin_data=plugin))


def events():
    yield event_pb2.Event(wall_time=BEGAN, file_version="brain.Event:2")
    start = plugin_data_pb2.SessionStartInfo(group_name="lr_001", start_time_secs=BEGAN)
    start.hparams["adapter_type"].string_value = "lora"
    start.hparams["learning_rate"].number_value = 1e-3
    start.hparams["use_rslora"].bool_value = True
    yield hparams(
        BEGAN, "_hparams_/session_start_info", plugin_data_pb2.HParamsPluginData(session_start_info=start)
    )
    now = BEGAN + 1.5
    yield value(now, 1, tag="loss", simple_value=3.25)
    yield value(now, 1, tag="val_loss", simple_value=3.5)
    yield value(now, 1, tag="learning_rate", simple_value=1e-3)
    now += 2
    yield value(now, 200, tag="loss", simple_value=2.75)
    yield value(now, 2, tag="test/mae", simple_value=0.1)
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=now)
    yield hparams(now, "_hparams_/session_end_info", plugin_data_pb2.HParamsPluginData(session_end_info=end))


def make():
    with open(PATH, "wb") as f:
        writer = RecordWriter(f)
        for event in events():
            writer.write(event.SerializeToString(deterministic=True))


if __name__ == "__main__":
    make()
