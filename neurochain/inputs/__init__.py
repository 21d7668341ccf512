"""Event readers, input encoders and output decoders. NumPy only."""

from neurochain.inputs.arrays import InputSource, load_input, open_input
from neurochain.inputs.coding import DecodingKind, EncodingKind, InputEncoding, OutputDecoding
from neurochain.inputs.decode import class_scores, decode, first_spike_steps
from neurochain.inputs.encode import direct_current, encode_static, latency_code, rate_code
from neurochain.inputs.event_frames import EventFrames
from neurochain.inputs.idx import MNIST_MD5, Digits, mnist_file, read_idx, read_mnist
from neurochain.inputs.nmnist import SENSOR, Events, bin_events, parse_events
from neurochain.inputs.npy import read_npy, read_npz
from neurochain.inputs.recordings import Recordings, open_recordings

__all__ = [
    "MNIST_MD5",
    "SENSOR",
    "DecodingKind",
    "Digits",
    "EncodingKind",
    "EventFrames",
    "Events",
    "InputEncoding",
    "InputSource",
    "OutputDecoding",
    "Recordings",
    "bin_events",
    "class_scores",
    "decode",
    "direct_current",
    "encode_static",
    "first_spike_steps",
    "latency_code",
    "load_input",
    "mnist_file",
    "open_input",
    "open_recordings",
    "parse_events",
    "rate_code",
    "read_idx",
    "read_mnist",
    "read_npy",
    "read_npz",
]
