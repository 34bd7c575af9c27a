"""Random config.json files of every family at tiny sizes, as people write them: old and new spellings, absent keys, nulls, odd sizes."""
import random

FAMILIES = ["llama", "qwen2", "qwen3", "qwen3_moe", "gemma3_text", "gemma4_text", "gemma3", "gemma4"]
ACTIVATIONS = ["silu", "swish", "gelu", "gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_python", "gelu_accurate", "quick_gelu", "relu", "relu2",
               "relu6", "leaky_relu", "sigmoid", "tanh", "linear", "hardswish", "mish"]
UNKNOWN_ACTIVATIONS = ["laplace", "xielu", "gelu_10"]
LAYER_TYPES = ["full_attention", "sliding_attention"]
# Keys that may be left out at tiny sizes: the class's default is a usable one.
OPTIONAL = ["num_key_value_heads", "head_dim", "hidden_act", "hidden_activation", "rms_norm_eps", "tie_word_embeddings", "attention_bias", "mlp_bias",
            "rope_parameters", "rope_scaling", "rope_theta", "rope_local_base_freq", "sliding_window", "sliding_window_pattern", "layer_types",
            "use_sliding_window", "max_window_layers", "query_pre_attn_scalar", "final_logit_softcapping", "norm_topk_prob", "decoder_sparse_step",
            "mlp_only_layers", "max_position_embeddings", "attention_k_eq_v", "num_global_key_value_heads", "num_kv_shared_layers",
            "use_bidirectional_attention", "enable_moe_block", "eos_token_id"]
NULLABLE = OPTIONAL + ["partial_rotary_factor", "original_max_position_embeddings", "num_experts", "per_layer_config", "global_head_dim"]
STRAY = {"attention_multiplier": 0.5, "embedding_multiplier": 3.0, "pretraining_tp": 2, "use_cache": False, "initializer_range": 0.1,
         "attention_dropout": 0.3, "attn_logit_softcapping": 1.0, "mlp_bias": True, "attention_bias": True, "hidden_act": "relu",
         "hidden_activation": "relu", "_sliding_window_pattern": 2, "sliding_window_pattern": 2, "max_window_layers": 0,
         "use_double_wide_mlp": True, "query_pre_attn_scalar": 3, "final_logit_softcapping": 1.5, "quantization_config": None,
         "num_local_experts": 4, "rope_local_base_freq": 77.0, "dtype": "bfloat16", "torch_dtype": "float16", "global_head_dim": 16,
         "router_aux_loss_coef": 0.1, "qk_norm": True, "cache_implementation": "hybrid"}


class Writer:
    """One variant; `seed` decides everything."""

    def __init__(self, seed, family):
        self.random = random.Random(f"{seed} {family}")
        self.family = family

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, *values):
        return self.random.choice(values)

    def rope_object(self, types, theta_required=False):
        rope = {}
        kind = self.pick(*types)
        if kind != "default" or self.chance(0.7):
            rope[self.pick("rope_type", "rope_type", "type")] = kind
        if theta_required or self.chance(0.6):
            rope["rope_theta"] = self.pick(100.0, 10000.0, 5e5, 1000000)
        if kind in ("linear", "dynamic", "llama3", "yarn", "longrope"):
            rope["factor"] = self.pick(1.0, 1.5, 2, 4.0, 8.0, 0.5)
        if kind == "proportional":
            if self.chance(0.8):
                rope["partial_rotary_factor"] = self.pick(0.0, 0.25, 0.5, 0.4, 1.0)
            if self.chance(0.3):
                rope["factor"] = self.pick(2.0, 0.5)
        elif self.chance(0.15):
            rope["partial_rotary_factor"] = self.pick(1.0, 0.97, 0.5)
        if kind in ("llama3", "yarn") and self.chance(0.8):
            rope["original_max_position_embeddings"] = self.pick(16, 32, 64, 8192)
        if kind == "llama3":
            rope.update(low_freq_factor=self.pick(1.0, 2, 0.5), high_freq_factor=self.pick(4.0, 8, 3.0))
        if kind == "yarn":
            for key, values in dict(attention_factor=(0.7, 1.3), beta_fast=(32.0, 16, 4), beta_slow=(1.0, 2), mscale=(1.0, 0.707), truncate=(True, False),
                                    mscale_all_dim=(1.0, 0.5)).items():
                if self.chance(0.35):
                    rope[key] = self.pick(None, *values)
        if kind == "longrope":
            rope.update(short_factor=[1.0] * 4, long_factor=[2.0] * 4)
        if rope and self.chance(0.06):
            rope[self.pick(*rope)] = None
        return rope

    TYPES = ["default", "default", "linear", "dynamic", "llama3", "yarn", "yarn", "proportional", "longrope"]

    def shared_rope(self):
        keys = {}
        if self.chance(0.6):
            keys["rope_theta"] = self.pick(100.0, 10000.0, 250000)
        if self.chance(0.45):
            keys["rope_scaling"] = self.pick(None, {}, *[self.rope_object(self.TYPES[1:])] * 4)
        if self.chance(0.5):
            keys["rope_parameters"] = self.pick(None, *[self.rope_object(self.TYPES)] * 4)
        if self.chance(0.1):
            keys["partial_rotary_factor"] = self.pick(0.5, 0.97, 1.0)
        if self.chance(0.1):
            keys["original_max_position_embeddings"] = self.pick(16, 48)
        return keys

    def layer_types(self, layers):
        return [self.pick(*LAYER_TYPES) for _ in range(layers)]

    def sizes(self, layers):
        heads = self.pick(1, 2, 3, 4, 6)
        config = dict(vocab_size=self.random.randrange(61, 151), hidden_size=self.pick(24, 32, 36, 40, 48, 50), num_hidden_layers=layers,
                      intermediate_size=self.random.randrange(17, 81), num_attention_heads=heads,
                      num_key_value_heads=self.pick(*[n for n in range(1, heads + 1) if heads % n == 0]),
                      max_position_embeddings=self.pick(64, 128, 500), rms_norm_eps=self.pick(1e-6, 1e-5, 0.01),
                      tie_word_embeddings=self.pick(True, False))
        if self.chance(0.7):
            config["head_dim"] = self.pick(4, 8, 10, 12, 14, 16, 20, 24)
        config["eos_token_id"] = self.pick(5, [3, 4])
        return config

    def activation(self):
        return self.pick(*ACTIVATIONS, *ACTIVATIONS, *UNKNOWN_ACTIVATIONS)

    @staticmethod
    def divide_hidden(config):
        """transformers insists on it in some classes, with a head_dim too; we do not."""
        config["hidden_size"] -= config["hidden_size"] % config["num_attention_heads"]

    def llama(self):
        config = {**self.sizes(self.pick(1, 2, 3)), **self.shared_rope()}
        self.divide_hidden(config)
        config.update(hidden_act=self.activation(), attention_bias=self.pick(True, False), mlp_bias=self.pick(True, False))
        return config

    def windows(self, layers):
        keys = {}
        if self.chance(0.7):
            keys.update(use_sliding_window=self.chance(0.75), sliding_window=self.random.randrange(1, 9), max_window_layers=self.random.randrange(0, layers + 1))
        if self.chance(0.35):
            keys["layer_types"] = self.layer_types(layers)
        return keys

    def qwen2(self):
        layers = self.pick(1, 2, 3)
        return {**self.sizes(layers), **self.shared_rope(), **self.windows(layers), "hidden_act": self.pick("silu", self.activation())}

    def qwen3(self):
        config = self.qwen2()
        config.update(head_dim=self.pick(8, 10, 12, 16, 20), attention_bias=self.pick(True, False))
        return config

    def qwen3_moe(self):
        config = self.qwen3()
        if self.chance(0.7):
            config.pop("layer_types", None)
        config.update({self.pick("num_experts", "num_local_experts"): self.pick(3, 5, 8), "num_experts_per_tok": self.pick(1, 2, 3),
                       "moe_intermediate_size": self.pick(9, 16, 20), "norm_topk_prob": self.pick(True, False),
                       "decoder_sparse_step": self.pick(1, 1, 2), "mlp_only_layers": self.pick([], [0], [1])})
        return config

    def gemma_sizes(self):
        layers = self.pick(2, 3, 5, 7)
        config = self.sizes(layers)
        if not config.pop("head_dim", None) or self.chance(0.9):
            config["head_dim"] = self.pick(8, 12, 16, 20)
        config.update(hidden_activation=self.pick("gelu_pytorch_tanh", "gelu_pytorch_tanh", self.activation()), attention_bias=self.pick(True, False),
                      sliding_window=self.random.randrange(1, 9))
        self.divide_hidden(config)
        if self.chance(0.5):
            config["layer_types"] = self.layer_types(layers)
        if self.chance(0.3):
            config["final_logit_softcapping"] = self.pick(None, 0.7, 2.0)
        return config

    def gemma3_text(self):
        config = self.gemma_sizes()
        config["query_pre_attn_scalar"] = self.pick(8, 16, 24, 100)
        if self.chance(0.4):
            config["sliding_window_pattern"] = self.pick(1, 2, 3)
        for key, value in dict(rope_theta=self.pick(1e4, 1e6), rope_local_base_freq=self.pick(100.0, 1e4),
                               rope_scaling=self.pick(None, self.rope_object(self.TYPES))).items():
            if self.chance(0.4):
                config[key] = value
        if self.chance(0.5):
            nested = {kind: self.pick(None, *[self.rope_object(self.TYPES)] * 6) for kind in LAYER_TYPES if self.chance(0.85)}
            config["rope_parameters"] = self.pick(None, self.rope_object(self.TYPES), *[nested] * 6)
            if config["rope_parameters"] is nested and self.chance(0.1):
                nested["truncate"] = False
        return config

    def gemma4_text(self):
        config = self.gemma_sizes()
        layers = config["num_hidden_layers"]
        config.update(hidden_size_per_layer_input=0, attention_k_eq_v=self.pick(True, False))
        if self.chance(0.5):
            config.update(enable_moe_block=self.pick(True, True, False), num_experts=self.pick(3, 6), top_k_experts=self.pick(1, 2),
                          moe_intermediate_size=self.pick(9, 16))
        if self.chance(0.4):
            full_only = self.chance(0.7)
            kinds = config.get("layer_types") or [LAYER_TYPES[(i + 1) % 6 != 0] for i in range(layers)]
            overrides = {"head_dim": self.pick(12, 24), "num_key_value_heads": 1}
            if self.chance(0.4):
                overrides.pop(self.pick(*overrides))
            if self.chance(0.1):
                overrides.update(self.pick({"intermediate_size": 31}, {"intermediate_size": config["intermediate_size"]}, {"skip": []}))
            config["per_layer_config"] = {str(i).zfill(self.pick(1, 2)): overrides for i in range(layers)
                                          if not full_only or kinds[i] == "full_attention" or i == layers - 1}
        elif self.chance(0.8):
            config.update(global_head_dim=self.pick(16, 24), num_global_key_value_heads=self.pick(None, 1, config["num_attention_heads"]))
        else:
            config["global_head_dim"] = 8
        if self.chance(0.6):
            types = ["default", "default", "linear", "llama3", "yarn", "proportional", "proportional"]
            config["rope_parameters"] = {kind: self.rope_object(types, theta_required=self.chance(0.9)) for kind in LAYER_TYPES if self.chance(0.97)}
        if self.chance(0.1):
            config["use_bidirectional_attention"] = self.pick("vision", None)
        return config

    def wrapper(self, text):
        config = {"text_config": {"model_type": self.family + "_text", **text}}
        if self.chance(0.5):
            config["tie_word_embeddings"] = self.pick(True, False)
        if self.chance(0.3):
            config["sliding_window"] = 2  # Not the text model's.
        if self.chance(0.3):
            config["eos_token_id"] = [1, 2]
        return config

    def gemma3(self):
        vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=14, patch_size=14)
        return {**self.wrapper(self.disturb(self.gemma3_text())), "vision_config": vision, "mm_tokens_per_image": 1}

    def gemma4(self):
        return self.wrapper(self.disturb(self.gemma4_text()))

    def disturb(self, config):
        """Leaves keys out, makes some null, and adds some that the class may not have."""
        for key in [key for key in OPTIONAL if key in config and self.chance(0.08)]:
            del config[key]
        if self.chance(0.25):
            config[self.pick(*NULLABLE)] = None
        for key, value in STRAY.items():
            if key not in config and self.chance(0.04):
                config[key] = value
        return config

    def write(self):
        config = getattr(self, self.family)()
        if "text_config" not in config:
            config = self.disturb(config)
        return {"model_type": self.family, **config}


def variant(seed):
    """The config.json number `seed`, families in turn."""
    family = FAMILIES[seed % len(FAMILIES)]
    return Writer(seed, family).write()
