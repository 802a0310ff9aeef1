"""Exports networks of torchvision with seeded weights for classify_photo: `python export.py FOLDER [NAME…]`, with torch, torchvision,
onnx and onnxruntime. Beside each file in the ONNX format lies what PyTorch and ONNX Runtime make of the photo with it.

The weights are random: what the scores say of the photo means nothing, but that they are the same.
"""

import os
import sys

import numpy as np
import onnxruntime
import torch
import torchvision
from PIL import Image
from safetensors.numpy import save_file

PHOTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "chelsea.png")
NAMES = ["resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x1_0", "densenet121",
         "mnasnet1_0", "efficientnet_b0", "googlenet", "regnet_y_400mf", "alexnet"]


def network(name):
    torch.manual_seed(0)
    arguments = {"init_weights": True, "aux_logits": False} if name == "googlenet" else {}
    network = torchvision.models.get_model(name, weights=None, **arguments).eval()
    # Statistics as of a network that has been trained, so that batch norms have something to do.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    pixels = np.asarray(Image.open(PHOTO).convert("RGB"), np.float32)[38:262, 113:337] / 255
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    image = np.ascontiguousarray(((pixels - mean) / deviation).transpose(2, 0, 1)[None])
    for name in sys.argv[2:] or NAMES:
        model = network(name)
        path = os.path.join(folder, f"{name}.onnx")
        with torch.no_grad():
            scores = model(torch.from_numpy(image)).numpy()
        # One file with the weights in it, for batches of any size.
        axes = {"image": {0: "batch"}, "scores": {0: "batch"}}
        torch.onnx.export(model, (torch.from_numpy(image),), path, input_names=["image"], output_names=["scores"],
                          dynamic_axes=axes, opset_version=17, dynamo=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (runtime,) = session.run(None, {"image": image})
        save_file({"image": image, "pytorch": scores, "onnxruntime": runtime}, os.path.join(folder, f"{name}.safetensors"))
        print(name, scores.shape, "PyTorch and ONNX Runtime differ by", np.abs(scores - runtime).max())


main()
