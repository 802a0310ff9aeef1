#!/usr/bin/env python3
"""Times layers of all the kinds that networks and public reports have beside PyTorch.

    pip install torch numpy        # and the wheel that `maturin build --release` makes in `python/`
    python3 benches/peers/reported.py [PATTERN …]

One thread; a plan into memory that the caller keeps, and PyTorch's module; in turns, by medians. Every result is held against
PyTorch's. What is printed for each layer is PyTorch's time divided by featuremap's: above 1, featuremap is faster.
"""

import math
import os
import statistics
import sys
import time

os.environ["FEATUREMAP_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import featuremap
import numpy as np
import torch

torch.set_num_threads(1)
torch.set_grad_enabled(False)

TURNS, SECONDS = 4, 0.03  # of each engine on a layer
TOLERANCE = 1e-4  # of the largest number of a result
LAYERS = []


def conv(name, n, c, size, o, k, s=1, p=0, d=1, g=1):
    """`n` images of `c` channels under `o` filters: kernel, stride, padding, dilation, groups."""
    options = {"stride": s, "padding": p, "dilation": d, "groups": g}
    LAYERS.append((name, "Conv", (n, c, *size), (o, c // g), each(k, size), options))


def conv_transpose(name, n, c, size, o, k, s=1, p=0, g=1, more=0):
    """The same transposed; `more` is the output padding."""
    options = {"stride": s, "padding": p, "groups": g, "output_padding": more}
    LAYERS.append((name, "ConvTranspose", (n, c, *size), (c, o // g), each(k, size), options))


def pool(name, kind, n, c, size, k, s=None, p=0, ceil=False):
    options = {"stride": s or k, "padding": p, "ceil_mode": ceil}
    LAYERS.append((name, f"{kind.title()}Pool", (n, c, *size), None, k, options))


def linear(name, n, inputs, outputs):
    LAYERS.append((name, "Linear", (n, inputs), (outputs, inputs), (), {}))


def each(number, axes):
    return number if isinstance(number, tuple) else (number,) * len(axes)


# Classifiers.
conv("vgg1", 1, 3, (224, 224), 64, 3, 1, 1)
conv("vgg2", 1, 64, (224, 224), 64, 3, 1, 1)
conv("vgg5", 1, 512, (14, 14), 512, 3, 1, 1)
conv("vgg3_128_112", 1, 128, (112, 112), 128, 3, 1, 1)
conv("vgg4_256_56", 1, 256, (56, 56), 256, 3, 1, 1)
conv("alex1", 1, 3, (224, 224), 64, 11, 4, 2)
conv("alex2", 1, 64, (27, 27), 192, 5, 1, 2)
conv("alex3", 1, 192, (13, 13), 384, 3, 1, 1)
conv("alex5", 1, 256, (13, 13), 256, 3, 1, 1)
conv("res_stem", 1, 3, (224, 224), 64, 7, 2, 3)
conv("res_3x3_64_56", 1, 64, (56, 56), 64, 3, 1, 1)
conv("res_3x3s2_64_128", 1, 64, (56, 56), 128, 3, 2, 1)
conv("res_3x3s2_128_256", 1, 128, (28, 28), 256, 3, 2, 1)
conv("res_3x3s2_256_512", 1, 256, (14, 14), 512, 3, 2, 1)
conv("res_1x1s2_64_128", 1, 64, (56, 56), 128, 1, 2)
conv("res_1x1s2_256_512", 1, 256, (56, 56), 512, 1, 2)
conv("res_1x1s2_512_1024", 1, 512, (28, 28), 1024, 1, 2)
conv("res_1x1s2_1024_2048", 1, 1024, (14, 14), 2048, 1, 2)
conv("res_3x3_128_28", 1, 128, (28, 28), 128, 3, 1, 1)
conv("res_3x3_256_14", 1, 256, (14, 14), 256, 3, 1, 1)
conv("res_3x3_512_7", 1, 512, (7, 7), 512, 3, 1, 1)
conv("res_1x1_256_64_56", 1, 256, (56, 56), 64, 1)
conv("res_1x1_64_256_56", 1, 64, (56, 56), 256, 1)
conv("res_1x1_512_128_28", 1, 512, (28, 28), 128, 1)
conv("res_1x1_2048_512_7", 1, 2048, (7, 7), 512, 1)
conv("res_1x1_512_2048_7", 1, 512, (7, 7), 2048, 1)
conv("resnext_g32_128_56", 1, 128, (56, 56), 128, 3, 1, 1, 1, 32)
conv("resnext_g32_512_14", 1, 512, (14, 14), 512, 3, 1, 1, 1, 32)
conv("resnext_g32_256_28s2", 1, 256, (56, 56), 256, 3, 2, 1, 1, 32)
conv("regnet_g3", 1, 48, (56, 56), 48, 3, 1, 1, 1, 3)
conv("shuffle_g3_1x1", 1, 240, (28, 28), 240, 1, 1, 0, 1, 3)
conv("mb_stem", 1, 3, (224, 224), 32, 3, 2, 1)
conv("mb_dw_32_112", 1, 32, (112, 112), 32, 3, 1, 1, 1, 32)
conv("mb_dw_96_112s2", 1, 96, (112, 112), 96, 3, 2, 1, 1, 96)
conv("mb_dw_144_56", 1, 144, (56, 56), 144, 3, 1, 1, 1, 144)
conv("mb_dw_144_56s2", 1, 144, (56, 56), 144, 3, 2, 1, 1, 144)
conv("mb_dw_192_28", 1, 192, (28, 28), 192, 3, 1, 1, 1, 192)
conv("mb_dw_384_14", 1, 384, (14, 14), 384, 3, 1, 1, 1, 384)
conv("mb_dw_576_14s2", 1, 576, (14, 14), 576, 3, 2, 1, 1, 576)
conv("mb_dw_960_7", 1, 960, (7, 7), 960, 3, 1, 1, 1, 960)
conv("mb_1x1_16_96_112", 1, 16, (112, 112), 96, 1)
conv("mb_1x1_96_24_56", 1, 96, (56, 56), 24, 1)
conv("mb_1x1_24_144_56", 1, 24, (56, 56), 144, 1)
conv("mb_1x1_192_32_28", 1, 192, (28, 28), 32, 1)
conv("mb_1x1_64_384_14", 1, 64, (14, 14), 384, 1)
conv("mb_1x1_576_96_14", 1, 576, (14, 14), 96, 1)
conv("mb_1x1_960_320_7", 1, 960, (7, 7), 320, 1)
conv("mb_1x1_320_1280_7", 1, 320, (7, 7), 1280, 1)
conv("eff_dw5_240_28", 1, 240, (28, 28), 240, 5, 1, 2, 1, 240)
conv("eff_dw5_672_14s2", 1, 672, (14, 14), 672, 5, 2, 2, 1, 672)
conv("eff_se_1x1_1152_48_1", 1, 1152, (1, 1), 48, 1)
conv("eff_se_48_1152", 1, 48, (1, 1), 1152, 1)
conv("convnext_dw7_96_56", 1, 96, (56, 56), 96, 7, 1, 3, 1, 96)
conv("convnext_dw7_768_7", 1, 768, (7, 7), 768, 7, 1, 3, 1, 768)
conv("convnext_stem_4x4s4", 1, 3, (224, 224), 96, 4, 4)
conv("convnext_2x2s2", 1, 96, (56, 56), 192, 2, 2)
conv("vit_patch16", 1, 3, (224, 224), 768, 16, 16)
conv("vit_patch14", 1, 3, (224, 224), 1024, 14, 14)
conv("repLK_31", 1, 128, (56, 56), 128, 31, 1, 15, 1, 128)
conv("incep_1x7", 1, 192, (17, 17), 192, (1, 7), 1, (0, 3))
conv("incep_7x1", 1, 192, (17, 17), 192, (7, 1), 1, (3, 0))
conv("incep_5x5", 1, 48, (35, 35), 64, 5, 1, 2)
conv("incep_3x3s2", 1, 288, (35, 35), 384, 3, 2)
conv("incep_stem", 1, 3, (299, 299), 32, 3, 2)
conv("incep_80_192", 1, 80, (73, 73), 192, 3)
conv("squeeze_e3", 1, 16, (55, 55), 64, 3, 1, 1)
conv("squeeze_s1", 1, 128, (55, 55), 16, 1)
conv("squeeze_stem", 1, 3, (224, 224), 64, 3, 2)
conv("dense_1x1", 1, 512, (28, 28), 128, 1)
conv("dense_3x3", 1, 128, (28, 28), 32, 3, 1, 1)
# Detectors, segmentation, pictures from pictures.
conv("yolo_stem6", 1, 3, (640, 640), 32, 6, 2, 2)
conv("yolo_64_128s2", 1, 32, (320, 320), 64, 3, 2, 1)
conv("yolo_3x3_64_80", 1, 64, (80, 80), 64, 3, 1, 1)
conv("yolo_3x3_128_40", 1, 128, (40, 40), 128, 3, 1, 1)
conv("yolo_3x3s2_256_20", 1, 128, (40, 40), 256, 3, 2, 1)
conv("yolo_1x1_256", 1, 256, (20, 20), 255, 1)
conv("unet_64_128", 1, 64, (128, 128), 64, 3, 1, 1)
conv("unet_1024_16", 1, 512, (16, 16), 512, 3, 1, 1)
conv("unet_out", 1, 64, (256, 256), 2, 1)
conv("deeplab_d12", 1, 256, (33, 33), 256, 3, 1, 12, 12)
conv("deeplab_d2", 1, 256, (33, 33), 256, 3, 1, 2, 2)
conv("deeplab_d36", 1, 512, (33, 33), 64, 3, 1, 36, 36)
conv("fpn_256_64", 1, 256, (64, 64), 256, 3, 1, 1)
conv("ssd_d6", 1, 512, (19, 19), 256, 3, 1, 6, 6)
conv("srcnn_9x9", 1, 1, (256, 256), 64, 9, 1, 4)
conv("srcnn_5x5_out", 1, 32, (256, 256), 1, 5, 1, 2)
conv("espcn", 1, 64, (128, 128), 32, 3, 1, 1)
conv("edsr_out", 1, 64, (256, 256), 3, 3, 1, 1)
conv("style_9x9", 1, 3, (256, 256), 32, 9, 1, 4)
conv("style_out9", 1, 32, (256, 256), 3, 9, 1, 4)
# Small networks, and batches.
conv("lenet1", 1, 1, (28, 28), 6, 5, 1, 2)
conv("lenet2", 1, 6, (14, 14), 16, 5)
conv("mnist_b64_1", 64, 1, (28, 28), 32, 3)
conv("mnist_b64_2", 64, 32, (26, 26), 64, 3)
conv("cifar_b32_3_32", 32, 3, (32, 32), 32, 3, 1, 1)
conv("cifar_b32_32_64", 32, 32, (16, 16), 64, 3, 1, 1)
conv("cifar_res_16_b16", 16, 16, (32, 32), 16, 3, 1, 1)
conv("dqn1_8x8s4", 1, 4, (84, 84), 32, 8, 4)
conv("dqn2_4x4s2", 1, 32, (20, 20), 64, 4, 2)
conv("dqn3_3x3", 1, 64, (9, 9), 64, 3)
conv("dqn1_b32", 32, 4, (84, 84), 32, 8, 4)
conv("alphazero_19", 1, 256, (19, 19), 256, 3, 1, 1)
conv("alphazero_b8_19", 8, 128, (19, 19), 128, 3, 1, 1)
conv("chess_8x8_b16", 16, 256, (8, 8), 256, 3, 1, 1)
conv("go_in17", 1, 17, (19, 19), 256, 3, 1, 1)
conv("policy_1x1", 1, 256, (19, 19), 2, 1)
conv("tiny_3x3_8", 1, 8, (8, 8), 8, 3, 1, 1)
conv("tiny_1_1_5", 1, 1, (5, 5), 1, 3)
conv("many_small", 4096, 3, (5, 5), 16, 3)
conv("b64_256_2x2", 64, 256, (2, 2), 256, 3, 1, 1)
conv("b256_1x1_64_4x4", 256, 64, (4, 4), 64, 1)
# Filters over pictures.
for side in (3, 5, 7, 11, 15, 21, 31):
    conv(f"picture_{side}x{side}", 1, 1, (1080, 1920), 1, side, 1, side // 2)
conv("img_rgb_dw5", 1, 3, (1080, 1920), 3, 5, 1, 2, 1, 3)
conv("img_rgb_gray", 1, 3, (1080, 1920), 1, 1)
conv("img_s2_5", 1, 1, (1080, 1920), 1, 5, 2, 2)
conv("gabor_16x31", 1, 1, (256, 256), 16, 31, 1, 15)
conv("sobel_2", 1, 1, (512, 512), 2, 3, 1, 1)
conv("img_small_3", 1, 1, (64, 64), 1, 3, 1, 1)
conv("img_row_1x25", 1, 1, (1080, 1920), 1, (1, 25), 1, (0, 12))
conv("img_col_25x1", 1, 1, (1080, 1920), 1, (25, 1), 1, (12, 0))
# Sound, text, sensors.
conv("wav2vec0", 1, 1, (16000, ), 512, 10, 5)
conv("wav2vec1", 1, 512, (3199, ), 512, 3, 2)
conv("wav2vec5", 1, 512, (399, ), 512, 2, 2)
conv("whisper1", 1, 80, (3000, ), 384, 3, 1, 1)
conv("whisper2", 1, 384, (3000, ), 384, 3, 2, 1)
conv("tcn_d8", 1, 64, (1000, ), 64, 3, 1, 8, 8)
conv("tcn_d512", 1, 64, (4000, ), 64, 2, 1, 0, 512)
conv("wavenet_k2", 1, 128, (8000, ), 256, 2, 1, 0, 64)
conv("kws_80x4", 1, 1, (16000, ), 128, 80, 16)
conv("ecg_k16", 1, 12, (4096, ), 64, 17, 1, 8)
conv("ecg_dw", 1, 64, (4096, ), 64, 17, 1, 8, 1, 64)
conv("conformer_dw31", 1, 512, (400, ), 512, 31, 1, 15, 1, 512)
conv("mamba_dw4", 1, 6144, (8, ), 6144, 4, 1, 3, 1, 6144)
conv("conv1d_1x1", 1, 512, (400, ), 1024, 1)
conv("fir_1025", 1, 1, (48000, ), 1, 1025, 1, 512)
conv("mel_fb", 1, 1, (48000, ), 514, 512, 160)
conv("hifigan_k11d5", 1, 64, (8192, ), 64, 11, 1, 25, 5)
conv("encodec_k7", 1, 1, (24000, ), 32, 7, 1, 3)
conv("textcnn_k3", 1, 300, (64, ), 100, 3)
conv("textcnn_k5_b32", 32, 300, (64, ), 100, 5)
# Three axes.
conv("c3d_1", 1, 3, (16, 56, 56), 64, 3, 1, 1)
conv("c3d_64", 1, 64, (8, 28, 28), 128, 3, 1, 1)
conv("r3d_133", 1, 64, (8, 56, 56), 64, (1, 3, 3), 1, (0, 1, 1))
conv("r21d_311", 1, 64, (8, 56, 56), 64, (3, 1, 1), 1, (1, 0, 0))
conv("3d_unet_16_32", 1, 16, (32, 32, 32), 16, 3, 1, 1)
conv("3d_1x1", 1, 64, (16, 16, 16), 64, 1)
conv("3d_s2", 1, 32, (32, 32, 32), 64, 3, 2, 1)
conv("3d_dw", 1, 64, (16, 28, 28), 64, 3, 1, 1, 1, 64)
conv("slowfast_517", 1, 3, (8, 112, 112), 16, (5, 7, 7), (1, 2, 2), (2, 3, 3))
conv("vox_1ch", 1, 1, (64, 64, 64), 8, 5, 1, 2)
# Sizes that no network is known for.
conv("odd_3x3s3", 1, 32, (96, 96), 64, 3, 3)
conv("odd_5x5s2", 1, 32, (112, 112), 64, 5, 2, 2)
conv("odd_4x4s2", 1, 64, (64, 64), 128, 4, 2, 1)
conv("odd_2x2", 1, 64, (56, 56), 64, 2)
conv("odd_3x3d2s2", 1, 64, (56, 56), 64, 3, 2, 2, 2)
conv("odd_1x3", 1, 64, (56, 56), 64, (1, 3), 1, (0, 1))
conv("odd_3x1", 1, 64, (56, 56), 64, (3, 1), 1, (1, 0))
conv("odd_o1", 1, 128, (56, 56), 1, 3, 1, 1)
conv("odd_o3", 1, 128, (56, 56), 3, 1)
conv("odd_o5", 1, 16, (56, 56), 5, 3, 1, 1)
conv("odd_c1_o64", 1, 1, (56, 56), 64, 3, 1, 1)
conv("odd_g2_5x5", 1, 96, (27, 27), 256, 5, 1, 2, 1, 2)
conv("odd_dm2", 1, 32, (56, 56), 64, 3, 1, 1, 1, 32)
conv("odd_dw9", 1, 32, (56, 56), 32, 9, 1, 4, 1, 32)
conv("odd_dw3d6", 1, 256, (33, 33), 256, 3, 1, 6, 6, 256)
conv("odd_dw7_to1", 1, 512, (7, 7), 512, 7, 1, 0, 1, 512)
conv("odd_k7_to1", 1, 64, (7, 7), 128, 7)
conv("odd_13x13", 1, 17, (53, 53), 23, 3, 1, 1)
conv("odd_17_23_5", 1, 17, (31, 37), 23, 5, 1, 2)
conv("odd_s1x2", 1, 32, (64, 64), 32, 3, (1, 2), 1)
conv("b8_res_56", 8, 64, (56, 56), 64, 3, 1, 1)
conv("b8_1x1_512_7", 8, 512, (7, 7), 2048, 1)
conv("b16_dw_14", 16, 256, (14, 14), 256, 3, 1, 1, 1, 256)
# Transposed.
conv_transpose("dcgan1", 1, 100, (1, 1), 512, 4)
conv_transpose("dcgan2", 1, 512, (4, 4), 256, 4, 2, 1)
conv_transpose("dcgan3", 1, 256, (16, 16), 128, 4, 2, 1)
conv_transpose("dcgan_out", 1, 64, (32, 32), 3, 4, 2, 1)
conv_transpose("unet_up", 1, 128, (56, 56), 64, 2, 2)
conv_transpose("unet_up_512", 1, 1024, (16, 16), 512, 2, 2)
conv_transpose("fcn_8s", 1, 21, (28, 28), 21, 16, 8, 4)
conv_transpose("bilinear_g64", 1, 64, (28, 28), 64, 4, 2, 1, 64)
conv_transpose("fsrcnn_9s3", 1, 56, (64, 64), 1, 9, 3, 4)
conv_transpose("same_3x3", 1, 64, (56, 56), 64, 3, 1, 1)
conv_transpose("voc_k16s8", 1, 256, (200, ), 128, 16, 8, 4)
conv_transpose("voc_k4s2", 1, 64, (3200, ), 32, 4, 2, 1)
conv_transpose("istft", 1, 1026, (224, ), 1, 1024, 256)
conv_transpose("3s2op1", 1, 64, (28, 28), 32, 3, 2, 1, 1, 1)
conv_transpose("3d_up", 1, 64, (8, 8, 8), 32, 2, 2)
conv_transpose("mask_rcnn_b8", 8, 256, (14, 14), 256, 2, 2)
conv_transpose("b16_7_14", 16, 128, (7, 7), 64, 5, 2, 2, 1, 1)
# Pools.
for kind in ("max", "avg"):
    pool(f"{kind}_2x2_64_112", kind, 1, 64, (112, 112), 2)
    pool(f"{kind}_3x3s2_64_112", kind, 1, 64, (112, 112), 3, 2, 1)
    pool(f"{kind}_2x2_b64_32_24", kind, 64, 32, (24, 24), 2)
    pool(f"{kind}_3x3s1_256_28", kind, 1, 256, (28, 28), 3, 1, 1)
    pool(f"{kind}_2_of_8000", kind, 1, 64, (8000,), 2)
    pool(f"{kind}_4_of_8000", kind, 1, 64, (8000,), 4)
    pool(f"{kind}_2x2x2_32", kind, 1, 32, (32, 32, 32), 2)
    pool(f"{kind}_5x5s1_512_20", kind, 1, 512, (20, 20), 5, 1, 2)
    pool(f"{kind}_9x9s1_256_20", kind, 1, 256, (20, 20), 9, 1, 4)
    pool(f"{kind}_7x7_2048", kind, 1, 2048, (7, 7), 7)
    pool(f"{kind}_2x2_512_7_ceil", kind, 1, 512, (7, 7), 2, 2, 0, True)
    pool(f"{kind}_tiny", kind, 1, 1, (4, 4), 2)
    pool(f"{kind}_3x3x3s2_64", kind, 1, 64, (16, 56, 56), 3, 2, 1)
pool("max_13s1_512_20", "max", 1, 512, (20, 20), 13, 1, 6)
pool("max_25_4096", "max", 1, 16, (4096, ), 25, 1, 12)
pool("max_3s3_13", "max", 1, 256, (13, 13), 3, 2)
pool("avg_25_4096", "avg", 1, 16, (4096, ), 25, 1, 12)
pool("avg_8_640", "avg", 1, 640, (8, 8), 8)
linear("vgg_fc6", 1, 25088, 4096)
linear("fc_1024_1000", 1, 1024, 1000)
linear("fc_2048_1000_b8", 8, 2048, 1000)
linear("mlp_784_128_b64", 64, 784, 128)
linear("mlp_128_10_b64", 64, 128, 10)
linear("16_8_100k", 100000, 16, 8)
linear("1024_b256", 256, 1024, 1024)
linear("400_120", 1, 400, 120)
linear("tf_768_3072_197", 197, 768, 3072)

def modules(kind, shape, channels, kernel, options, random):
    """The layer in featuremap and in PyTorch, with the same weights."""
    axes = "" if kind == "Linear" else f"{len(shape) - 2}d"
    ours, theirs = getattr(featuremap, kind + axes), getattr(torch.nn, kind + axes)
    if channels is None:
        # PyTorch's average counts the padding.
        counts = {"count_include_pad": True} if kind == "AvgPool" else {}
        return ours(kernel, **options, **counts), theirs(kernel, **options)
    weight = random.standard_normal((*channels, *kernel), dtype=np.float32) * np.float32(0.1)
    groups = options.get("groups", 1)
    outputs = channels[1] * groups if kind == "ConvTranspose" else channels[0]
    bias = random.standard_normal(outputs, dtype=np.float32)
    if kind == "Linear":
        module = theirs(shape[1], outputs)
    else:
        module = theirs(shape[1], outputs, kernel, **options)
    module.weight.copy_(torch.from_numpy(weight))
    module.bias.copy_(torch.from_numpy(bias))
    return ours(weight, bias, **options), module


def times(call):
    """What calls take that follow each other for a while."""
    found, end = [], time.perf_counter() + SECONDS
    while len(found) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


def main(patterns):
    random = np.random.default_rng(0)
    quotients = []
    print("| layer | by | featuremap µs | PyTorch µs | PyTorch ÷ featuremap |\n| --- | --- | ---: | ---: | ---: |")
    for name, kind, shape, channels, kernel, options in LAYERS:
        if patterns and not any(pattern in name for pattern in patterns):
            continue
        ours, theirs = modules(kind, shape, channels, kernel, options, random)
        x = random.standard_normal(shape, dtype=np.float32)
        tensor, plan = torch.from_numpy(x), ours.plan(shape)
        out = np.empty(plan.output_shape, np.float32)
        expected = theirs(tensor).numpy()
        plan(x, out)
        assert out.shape == expected.shape, (name, out.shape, expected.shape)
        assert np.abs(out - expected).max() <= TOLERANCE * np.abs(expected).max(), name
        turns = [(times(lambda: plan(x, out)), times(lambda: theirs(tensor))) for _ in range(TURNS)]
        here, there = (statistics.median(sum(of_engine, [])) for of_engine in zip(*turns))
        quotients.append(there / here)
        print(f"| {name} | {plan.algorithm} | {here * 1e6:.1f} | {there * 1e6:.1f} | {there / here:.2f} |", flush=True)
    mean = math.exp(statistics.fmean(map(math.log, quotients)))
    slower = sum(quotient < 0.9 for quotient in quotients)
    print(f"\n{len(quotients)} layers, geometric mean {mean:.2f}; {slower} below 0.9", end="; ")
    print(f"featuremap {featuremap.__version__}, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main(sys.argv[1:])
