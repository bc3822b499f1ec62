//! The prelude of pages and components: that of Leptos, with a simpler view without a type.
//!
//! The server writes a page once, at once. An `AnyView` of Leptos also carries code for every type of view that updates
//! it in a browser and that streams it, which made most of the program and of the time to compile it.

pub use leptos::prelude::*;
use leptos::tachys::{
    html::attribute::{Attribute, any_attribute::AnyAttribute},
    hydration::Cursor,
    view::{Position, PositionState},
};

/// A view as HTML. It replaces that of Leptos.
#[derive(Clone, Debug)]
pub struct AnyView(String);

/// Renders views.
pub trait IntoAny {
    /// Renders the view. It replaces the method of Leptos with the same name.
    fn into_any(self) -> AnyView;
}

impl<V: IntoView> IntoAny for V {
    fn into_any(self) -> AnyView {
        AnyView(self.into_view().to_html())
    }
}

impl Render for AnyView {
    type State = ();

    fn build(self) {}

    fn rebuild(self, (): &mut ()) {}
}

impl RenderHtml for AnyView {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 0;

    fn html_len(&self) -> usize {
        self.0.len()
    }

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    fn to_html_with_buf(
        self,
        buf: &mut String,
        position: &mut Position,
        _escape: bool,
        _mark_branches: bool,
        _extra_attrs: Vec<AnyAttribute>,
    ) {
        buf.push_str(&self.0);
        *position = Position::NextChild;
    }

    fn hydrate<const FROM_SERVER: bool>(self, _cursor: &Cursor, _position: &PositionState) {}

    fn into_owned(self) -> Self {
        self
    }
}

impl AddAnyAttr for AnyView {
    type Output<A: Attribute> = Self;

    fn add_any_attr<A: Attribute>(self, _attribute: A) -> Self {
        self
    }
}

/// The content of a component. It replaces that of Leptos.
pub struct Children(Box<dyn FnOnce() -> AnyView + Send>);

impl Children {
    /// Renders the content.
    pub fn view(self) -> AnyView {
        (self.0)()
    }
}

impl<F, V> ToChildren<F> for Children
where
    F: FnOnce() -> V + Send + 'static,
    V: IntoView,
{
    fn to_children(children: F) -> Self {
        Self(Box::new(move || children().into_any()))
    }
}
