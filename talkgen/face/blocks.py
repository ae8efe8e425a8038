"""The residual blocks of the perception networks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norm and a short cut (He et al. 2016, as in ResNet-D)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.short: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.short = nn.Sequential(
                nn.AvgPool2d(stride) if stride > 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
            )
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H / stride, W / stride)."""
        out: Tensor = self.act(self.body(x) + self.short(x))
        return out


def trunk(
    stem: int, widths: Sequence[int], depths: Sequence[int], *, inputs: int = 3
) -> nn.Sequential:
    """Return a stem that halves the picture and a stage per width that halves it again.

    inputs : channels of the picture
    """
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, stem, 5, 2, 2, bias=False),
        nn.BatchNorm2d(stem),
        nn.ReLU(inplace=True),
    ]
    last = stem
    for width, depth in zip(widths, depths, strict=True):
        for index in range(depth):
            layers.append(Residual(last, width, 2 if index == 0 else 1))
            last = width
    return nn.Sequential(*layers)


def fused(module: nn.Module) -> nn.Module:
    """Return an evaluation-mode module with each batch norm folded into its convolution, in place.

    The outputs stay the same up to rounding; the weights can no longer be saved or trained.
    """
    for child in module.children():
        fused(child)
    if isinstance(module, nn.Sequential):
        for index in range(len(module) - 1):
            conv, norm = module[index], module[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(conv, norm)
                module[index + 1] = nn.Identity()
    return module
