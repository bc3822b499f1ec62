//! Icons: 16 × 16, with a line width of 1.6, in one sprite at the top of each page.

use super::view::*;

macro_rules! icons {
    ($($name:ident $id:literal $path:literal;)*) => {
        /// An icon of the sprite.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the names describe the icons")]
        pub enum I {
            $($name,)*
        }

        impl I {
            /// Returns the reference to the icon in the sprite.
            fn href(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("#i-", $id),)*
                }
            }
        }

        /// Ids and paths of all icons.
        const SPRITE: &[(&str, &str)] = &[$((concat!("i-", $id), $path),)*];
    };
}

icons! {
    Home "home" "M2.5 7 8 2.5 13.5 7v6.5h-4v-4h-3v4h-4z";
    Apps "apps" "M2.5 2.5H7V7H2.5zM9 2.5h4.5V7H9zM2.5 9H7v4.5H2.5zM9 9h4.5v4.5H9z";
    Edit "edit" "m3 13 .6-2.8L10.8 3 13 5.2 5.8 12.4zM9.3 4.5l2.2 2.2";
    Send "send" "M2.5 8h10M8.5 4l4 4-4 4";
    Nodes "nodes" "M6.3 3.5a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0zM1.8 12a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0zM10.8 12a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0zM7.2 5.1l-2.9 5.3M8.8 5.1l2.9 5.3M5.2 12h5.6";
    Key "key" "M2.2 10.5a2.8 2.8 0 1 0 5.6 0 2.8 2.8 0 1 0-5.6 0zM7 8.5l6-6M11 4.5l2 2";
    People "people" "M3.7 5.5a2.3 2.3 0 1 0 4.6 0 2.3 2.3 0 1 0-4.6 0zM2 13c.3-2.6 1.8-4 4-4s3.7 1.4 4 4M10.5 3.4a2.3 2.3 0 0 1 0 4.3M12 9.6c1.2.6 1.9 1.8 2 3.4";
    Log "log" "M3.5 2.5h9v11h-9zM6 5.5h4M6 8h4M6 10.5h2.5";
    Layers "layers" "m8 2.5 5.5 2.8L8 8.1 2.5 5.3zM2.5 8 8 10.8 13.5 8M2.5 10.7 8 13.5l5.5-2.8";
    Search "search" "M2.7 7a4.3 4.3 0 1 0 8.6 0 4.3 4.3 0 1 0-8.6 0zM10.3 10.3l3.2 3.2";
    Lock "lock" "M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2";
    Ok "ok" "m3.5 8.5 3 3 6-7";
    Plus "plus" "M8 3v10M3 8h10";
    Minus "minus" "M3 8h10";
    Close "close" "m4 4 8 8M12 4l-8 8";
    Warn "warn" "M8 2.5 14 13H2zM8 6.5v3M8 11.3v.1";
    Info "info" "M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 1 0-11 0zM8 7.5v3.3M8 5.2v.1";
    Stop "stop" "M5.7 2.5h4.6l3.2 3.2v4.6l-3.2 3.2H5.7l-3.2-3.2V5.7zM8 5.3v3.4M8 10.7v.1";
    Copy "copy" "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3";
    Up "up" "m4 9.5 4-4 4 4";
    Down "down" "m4 6.5 4 4 4-4";
    Left "left" "m9.5 4-4 4 4 4";
    Right "right" "m6.5 4 4 4-4 4";
    More "more" "M3.5 8h.1M8 8h.1M12.5 8h.1";
    Undo "undo" "M5.5 3 2.5 6l3 3M2.5 6h7a4 4 0 0 1 0 8H7";
    Redo "redo" "M10.5 3l3 3-3 3M13.5 6h-7a4 4 0 0 0 0 8H9";
    Swap "swap" "M2.5 5h10M9.5 2l3 3-3 3M13.5 11h-10M6.5 8l-3 3 3 3";
    Trash "trash" "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9M6.8 7v4M9.2 7v4";
    Import "import" "M8 10.5V3M4.8 6 8 2.8 11.2 6M2.5 12.5v1h11v-1";
    Export "export" "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M2.5 12.5v1h11v-1";
    Clock "clock" "M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 1 0-11 0zM8 4.8V8l2.2 1.5";
    Sun "sun" "M5.3 8a2.7 2.7 0 1 0 5.4 0 2.7 2.7 0 1 0-5.4 0zM8 1.8v1M8 13.2v1M1.8 8h1M13.2 8h1M3.6 3.6l.7.7M11.7 11.7l.7.7M3.6 12.4l.7-.7M11.7 4.3l.7-.7";
    Moon "moon" "M13 9.6A5.5 5.5 0 0 1 6.4 3a5.5 5.5 0 1 0 6.6 6.6z";
    Keyboard "keyboard" "M1.8 4.2h12.4v7.6H1.8zM4.2 6.6h.1M6.8 6.6h.1M9.2 6.6h.1M11.7 6.6h.1M4.8 9.4h6.4";
    Screen "screen" "M2.5 3.5h11v7.5h-11zM6 13.5h4M8 11v2.5";
    Globe "globe" "M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 1 0-11 0zM2.7 8h10.6M8 2.5c2 1.7 2.5 3.5 2.5 5.5S10 11.8 8 13.5C6 11.8 5.5 10 5.5 8S6 4.2 8 2.5z";
    Out "out" "M6.5 2.5h-4v11h4M6.5 8h7M10.5 5l3 3-3 3";
    Eye "eye" "M1.8 8C3.3 5.3 5.4 4 8 4s4.7 1.3 6.2 4c-1.5 2.7-3.6 4-6.2 4S3.3 10.7 1.8 8zM6.2 8a1.8 1.8 0 1 0 3.6 0 1.8 1.8 0 1 0-3.6 0z";
    Split "split" "M2.5 3.5h11v9h-11zM8 3.5v9";
    Rows "rows" "M2.5 3.5h11v9h-11zM2.5 8h11";
    Star "star" "m8 2.3 1.8 3.7 4 .6-2.9 2.8.7 4L8 11.5l-3.6 1.9.7-4-2.9-2.8 4-.6z";
    Flag "flag" "M4 14V2.5M4 3.5h8.5L10.5 6.2l2 2.8H4";
    Gear "gear" "M2.5 5h5.3M11.2 5h2.3M2.5 11h2.3M8.2 11h5.3M7.8 5a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0zM4.8 11a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0z";
}

/// All icons, once in each page. [`Icon`] refers to it.
#[component]
pub fn Sprite() -> impl IntoView {
    let symbol = |(id, path): &(&'static str, &'static str)| {
        view! { <symbol id=*id viewBox="0 0 16 16"><path d=*path /></symbol> }
    };
    view! { <svg class="sprite" aria-hidden="true"><defs>{SPRITE.iter().map(symbol).collect_view()}</defs></svg> }
}

/// An icon. Without a label it is decoration beside a text.
#[component]
pub fn Icon(
    /// The icon.
    name: I,
    /// Accessible name, for an icon without a text.
    #[prop(optional, into)]
    label: Option<String>,
) -> impl IntoView {
    let role = if label.is_some() { "img" } else { "presentation" };
    let hidden = label.is_none().then_some("true");
    view! {
        <svg class="i" role=role aria-label=label aria-hidden=hidden focusable="false">
            <use href=name.href() />
        </svg>
    }
}

/// The logo of Trimtab: a rudder and its trim tab.
#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
            <path d="M6 3v18M6 4c7 1.5 10 6 10 16H6" />
            <path class="tab" d="M16 14h4.5L18 20h-2" />
        </svg>
    }
}
