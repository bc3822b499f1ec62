//! Demo data: the programs of a web shop with realistic configs.

use crate::domain::content::{Format, ValueType};

/// A program of the demo.
pub(super) struct DemoApp {
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    /// Keys of this program only: key, value, type.
    pub keys: &'static [(&'static str, &'static str, ValueType)],
    /// Other namespaces than `application`: name, format, text.
    pub texts: &'static [(&'static str, Format, &'static str)],
}

const S: ValueType = ValueType::String;
const N: ValueType = ValueType::Number;
const B: ValueType = ValueType::Boolean;
const J: ValueType = ValueType::Json;

/// Keys of every program. `{app}` and `{env}` are replaced.
pub(super) const COMMON: &[(&str, &str, ValueType, &str)] = &[
    ("http.listen", "0.0.0.0:8080", S, ""),
    ("http.read_timeout_ms", "5000", N, ""),
    ("http.max_body_bytes", "1048576", N, "Uploads go to the object store, not through here"),
    ("http.trusted_proxies", "[\"10.20.0.0/16\"]", J, ""),
    ("db.url", "mysql://{app}@db.{env}.internal:3306/{app}", S, "The password comes from the vault"),
    ("db.pool.max", "32", N, "Never more than the database allows for all copies together"),
    ("db.pool.min", "4", N, ""),
    ("db.pool.idle_timeout_s", "300", N, ""),
    ("db.slow_query_ms", "250", N, ""),
    ("cache.redis.nodes", "[\"10.20.0.11:6379\",\"10.20.0.12:6379\"]", J, ""),
    ("cache.redis.key_prefix", "{app}:{env}:", S, ""),
    ("cache.ttl_s", "600", N, ""),
    ("log.level", "info", S, "debug, info, warn or error"),
    ("log.format", "json", S, ""),
    ("log.sample_rate", "0.1", N, ""),
    ("tracing.endpoint", "http://otel-collector.{env}.internal:4317", S, ""),
    ("tracing.sample_rate", "0.05", N, ""),
    ("metrics.listen", "0.0.0.0:9090", S, ""),
    ("retry.max_attempts", "3", N, ""),
    ("retry.backoff_ms", "200", N, ""),
    ("breaker.failure_ratio", "0.5", N, "Share of failed calls that opens the breaker"),
    ("breaker.open_s", "30", N, ""),
    ("shutdown.grace_s", "25", N, ""),
    ("region", "eu-central-1", S, ""),
];

pub(super) const APPS: &[DemoApp] = &[
    DemoApp {
        name: "shop",
        title: "Web shop",
        description: "Web shop and cart",
        keys: &[
            ("checkout.timeout_ms", "3000", N),
            ("checkout.guest_allowed", "true", B),
            ("cart.max_items", "99", N),
            ("cart.reserve_minutes", "20", N),
            ("currency.default", "EUR", S),
            ("currency.offered", "[\"EUR\",\"CNY\",\"USD\",\"GBP\"]", J),
            ("features.new_cart", "false", B),
            ("features.old_banner", "true", B),
            ("features.wish_list", "true", B),
            ("banner.text", "Free shipping this week · 本周免运费", S),
            ("search.synonyms_url", "https://assets.shop.example/search/synonyms-2026-10.json", S),
            ("mail.from", "\"Shop 商店\" <hello@shop.example>", S),
            ("images.base_url", "https://img.shop.example/", S),
            ("images.sizes", "{\"thumb\":160,\"card\":480,\"full\":1600}", J),
            ("legal.footer", "Shop Example GmbH\nHafenstraße 12\n20457 Hamburg", S),
        ],
        texts: &[
            ("routes.yaml", Format::Yaml, ROUTES),
            ("features", Format::Json, FEATURES),
            ("logging", Format::Toml, LOGGING),
        ],
    },
    DemoApp {
        name: "payments",
        title: "Payments",
        description: "Talks to the payment providers",
        keys: &[
            ("provider.primary", "adyen", S),
            ("provider.fallback", "stripe", S),
            ("provider.timeout_ms", "8000", N),
            ("fraud.score_limit", "0.82", N),
            ("fraud.manual_review", "true", B),
            ("fraud.countries_blocked", "[]", J),
            ("refund.max_days", "60", N),
            ("webhook.signature_header", "X-Signature", S),
            ("three_ds.required_above", "30.00", N),
        ],
        texts: &[("providers.xml", Format::Xml, PROVIDERS)],
    },
    DemoApp {
        name: "search",
        title: "Product search",
        description: "Index and queries · 商品搜索",
        keys: &[
            ("index.name", "products_v12", S),
            ("index.replicas", "2", N),
            ("index.refresh_s", "5", N),
            ("query.max_results", "200", N),
            ("query.fuzziness", "AUTO", S),
            ("query.boost.title", "3.5", N),
            ("query.boost.brand", "1.8", N),
            ("languages", "[\"de\",\"en\",\"zh\"]", J),
            ("features.vector_rank", "false", B),
        ],
        texts: &[("synonyms", Format::Text, SYNONYMS)],
    },
    DemoApp {
        name: "mail",
        title: "Mail",
        description: "Order and account mails",
        keys: &[
            ("smtp.host", "smtp.{env}.internal", S),
            ("smtp.port", "587", N),
            ("smtp.starttls", "true", B),
            ("send.per_second", "40", N),
            ("send.quiet_hours", "22:00-07:00", S),
            ("unsubscribe.url", "https://shop.example/u/{token}", S),
        ],
        texts: &[("templates.yaml", Format::Yaml, TEMPLATES)],
    },
    DemoApp {
        name: "catalog",
        title: "Catalog",
        description: "Products, prices, categories",
        keys: &[
            ("import.cron", "15 3 * * *", S),
            ("import.batch_size", "500", N),
            ("price.rounding", "half_even", S),
            ("price.cache_s", "30", N),
            ("media.bucket", "catalog-media-{env}", S),
        ],
        texts: &[("messages", Format::Properties, MESSAGES)],
    },
    DemoApp {
        name: "inventory",
        title: "Inventory",
        description: "Stock of the three warehouses",
        keys: &[
            ("warehouse.default", "HAM1", S),
            ("warehouse.all", "[\"HAM1\",\"RTM2\",\"SZX1\"]", J),
            ("reserve.timeout_s", "1200", N),
            ("stock.safety_units", "3", N),
            ("features.split_shipment", "true", B),
        ],
        texts: &[],
    },
    DemoApp {
        name: "shipping",
        title: "Shipping",
        description: "Carriers and labels",
        keys: &[
            ("carrier.default", "dhl", S),
            ("carrier.enabled", "[\"dhl\",\"dpd\",\"sf-express\"]", J),
            ("label.format", "zpl", S),
            ("pickup.cutoff", "16:30", S),
            ("free_from", "49.00", N),
        ],
        texts: &[],
    },
    DemoApp {
        name: "accounts",
        title: "Accounts",
        description: "Customers log in here",
        keys: &[
            ("session.idle_minutes", "30", N),
            ("session.cookie_name", "__Host-sid", S),
            ("password.min_length", "12", N),
            ("login.max_failures", "5", N),
            ("oidc.issuer", "https://login.{env}.shop.example", S),
            ("features.passkeys", "true", B),
        ],
        texts: &[],
    },
    DemoApp {
        name: "gateway",
        title: "API gateway",
        description: "Routes, limits and headers at the edge",
        keys: &[
            ("limit.requests_per_second", "1500", N),
            ("limit.burst", "300", N),
            ("cors.origins", "[\"https://shop.example\"]", J),
            ("tls.min_version", "1.2", S),
            ("headers.hsts_s", "63072000", N),
            ("maintenance.enabled", "false", B),
        ],
        texts: &[("routes.yaml", Format::Yaml, ROUTES)],
    },
    DemoApp {
        name: "recommend",
        title: "Recommendations",
        description: "What others bought",
        keys: &[
            ("model.name", "als-2026-11", S),
            ("model.top_n", "24", N),
            ("model.min_score", "0.15", N),
            ("features.personalised_home", "false", B),
        ],
        texts: &[],
    },
    DemoApp {
        name: "billing",
        title: "Billing",
        description: "Invoices and taxes",
        keys: &[
            ("invoice.prefix", "RE-2026-", S),
            ("invoice.due_days", "14", N),
            ("tax.default_rate", "0.19", N),
            ("tax.reduced_rate", "0.07", N),
            ("export.datev", "true", B),
        ],
        texts: &[],
    },
    DemoApp {
        name: "reports",
        title: "Reports",
        description: "Nightly numbers for everybody",
        keys: &[
            ("nightly.cron", "30 2 * * *", S),
            ("nightly.timeout_m", "90", N),
            ("recipients", "[\"team@shop.example\"]", J),
            ("warehouse.schema", "analytics_{env}", S),
        ],
        texts: &[],
    },
];

/// Edits of the history: key, possible values, message.
pub(super) const EDITS: &[(&str, &[&str], &str)] = &[
    ("db.pool.max", &["48", "64", "40", "32"], "Connection pool for the sale"),
    ("cache.ttl_s", &["300", "900", "600"], "Cache hits dropped after the last release"),
    ("log.level", &["debug", "info"], "Find out why orders hang"),
    ("http.read_timeout_ms", &["8000", "5000"], "Slow clients on mobile networks"),
    ("retry.max_attempts", &["5", "2", "3"], "Fewer retries, the provider throttles us"),
    ("tracing.sample_rate", &["0.2", "0.01", "0.05"], "More traces while we look at latency"),
    ("breaker.open_s", &["60", "15", "30"], "Breaker stays open too long"),
    ("db.slow_query_ms", &["100", "250"], "Catch the slow report queries"),
    ("log.sample_rate", &["1.0", "0.1"], "Full logs for one day"),
    ("shutdown.grace_s", &["40", "25"], "Rolling restarts cut long requests"),
];

const ROUTES: &str = "\
# Edge routes. Order matters: the first match wins.
routes:
  - path: /checkout
    upstream: payments-v1
    timeout: 3s
  - path: /cart
    upstream: shop
    timeout: 2s
  # 商品搜索 product search
  - path: /search
    upstream: search
    timeout: 800ms
    cache: 30s
  - path: /legacy
    upstream: shop-old
    timeout: 10s
defaults:
  timeout: 5s
  retries: 1
  headers:
    x-frame-options: DENY
";

const FEATURES: &str = "{\n  \"newCart\": { \"enabled\": false, \"share\": 0.1 },\n  \"wishList\": { \"enabled\": true },\n  \"darkMode\": { \"enabled\": true, \"since\": \"2026-09-01\" }\n}\n";

const LOGGING: &str = "\
# Levels by module
level = \"info\"

[modules]
\"shop.cart\" = \"debug\"
\"shop.http\" = \"warn\"

[output]
kind = \"stdout\"
format = \"json\"
";

const PROVIDERS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<providers>\n  <!-- the first that answers -->\n  <provider name=\"adyen\" weight=\"80\"/>\n  <provider name=\"stripe\" weight=\"20\"/>\n</providers>\n";

const SYNONYMS: &str = "sneaker, trainer, turnschuh, 运动鞋\nnotebook, laptop, 笔记本电脑\nsofa, couch, 沙发\n";

const TEMPLATES: &str = "\
order_confirmed:
  subject:
    en: Your order {{number}} is confirmed
    zh: 您的订单 {{number}} 已确认
  body: |
    Hello {{name}},

    thank you for your order.
password_reset:
  subject:
    en: Choose a new password
    zh: 重置密码
";

const MESSAGES: &str = "# Category names\ncategory.shoes=Schuhe\ncategory.sofas=Sofas\ncategory.laptops=Laptops\ncategory.sale=Im Angebot \\u2013 bis Sonntag\n";
