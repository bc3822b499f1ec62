//! A table as long as one wants.

use axum::extract::Query;
use leptos::prelude::*;
use serde::Deserialize;
use trimtab::{
    components::{FilterBox, Head, I, LinkButton},
    pages::{Answer, Page, Place},
};

#[derive(Deserialize)]
pub struct Rows {
    #[serde(default = "thousand")]
    rows: usize,
    #[serde(default)]
    q: String,
}

fn thousand() -> usize {
    1000
}

pub async fn show(Query(Rows { rows, q }): Query<Rows>) -> Answer {
    let items = (0..rows).map(|n| (format!("service.pool-{n:05}.max_connections"), format!("value of key {n}")));
    let items: Vec<_> = items.filter(|(key, value)| key.contains(&q) || value.contains(&q)).collect();
    Ok(Page::new(|_| "Table".to_owned(), move || {
        let row = |(key, value): (String, String)| {
            view! {
                <tr>
                    <th scope="row">{key}</th>
                    <td class="v">{value}</td>
                    <td class="type">"string"</td>
                    <td class="when">"3 Nov, Ana Ruiz"</td>
                </tr>
            }
        };
        view! {
            <Head title="A long table" />
            <div class="bar">
                <FilterBox of="items" label=format!("Filter {rows} keys") value=q />
                <LinkButton href="#" icon=I::Plus>"Add key"</LinkButton>
            </div>
            <div class="sheet">
                <table class="items" id="items">
                    <thead>
                        <tr><th scope="col">"Key"</th><th scope="col">"Value"</th><th scope="col">"Type"</th><th scope="col">"Last change"</th></tr>
                    </thead>
                    <tbody>{items.into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        }
    })
    .place(Place::Applications))
}
