"""Where data and methods come from: licences and citations, as a model card states them."""

from dataclasses import dataclass

VAN_DEN_OORD_A = """@inproceedings{oord2016pixel,
  title     = {Pixel Recurrent Neural Networks},
  author    = {van den Oord, A{\\"a}ron and Kalchbrenner, Nal and Kavukcuoglu, Koray},
  booktitle = {International Conference on Machine Learning},
  year      = {2016},
  note      = {arXiv:1601.06759}
}"""
VAN_DEN_OORD_B = """@inproceedings{oord2016conditional,
  title     = {Conditional Image Generation with {PixelCNN} Decoders},
  author    = {van den Oord, A{\\"a}ron and Kalchbrenner, Nal and Vinyals, Oriol and Espeholt, Lasse
               and Graves, Alex and Kavukcuoglu, Koray},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2016},
  note      = {arXiv:1606.05328}
}"""


@dataclass(frozen=True)
class DatasetFacts:
    """What a card says of a dataset."""

    of: str  # completes "images of ..."
    source: str
    citation: str
    hub_id: str | None = None


DATASETS = {
    "MNIST": DatasetFacts(
        "handwritten digits",
        "MNIST (Yann LeCun, Corinna Cortes, Christopher J. C. Burges), CC BY-SA 3.0",
        """@article{lecun1998gradient,
  title   = {Gradient-based learning applied to document recognition},
  author  = {LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE},
  volume  = {86},
  number  = {11},
  pages   = {2278--2324},
  year    = {1998}
}""",
        "ylecun/mnist",
    ),
    "FashionMNIST": DatasetFacts(
        "articles of clothing",
        "Fashion-MNIST (Zalando SE), MIT licence",
        """@misc{xiao2017fashion,
  title  = {{Fashion-MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms},
  author = {Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  year   = {2017},
  note   = {arXiv:1708.07747}
}""",
        "zalando-datasets/fashion_mnist",
    ),
    "KMNIST": DatasetFacts(
        "cursive Japanese characters",
        "KMNIST (ROIS-DS Center for Open Data in the Humanities, from the Kuzushiji Dataset), CC BY-SA 4.0",
        """@misc{clanuwat2018deep,
  title  = {Deep Learning for Classical {Japanese} Literature},
  author = {Clanuwat, Tarin and Bober-Irizar, Mikel and Kitamoto, Asanobu and Lamb, Alex
            and Yamamoto, Kazuaki and Ha, David},
  year   = {2018},
  note   = {arXiv:1812.01718}
}""",
    ),
    "EMNIST": DatasetFacts(
        "handwritten digits",
        "EMNIST's digits (Western Sydney University), from NIST Special Database 19; see NIST for its terms",
        """@misc{cohen2017emnist,
  title  = {{EMNIST}: an extension of {MNIST} to handwritten letters},
  author = {Cohen, Gregory and Afshar, Saeed and Tapson, Jonathan and van Schaik, Andr{\\'e}},
  year   = {2017},
  note   = {arXiv:1702.05373}
}""",
    ),
}
