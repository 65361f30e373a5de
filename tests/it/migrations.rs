//! Every migration must go through on a database that has rows.

use crate::support::{App, Bundle, starter, success};

#[tokio::test]
async fn migrating_a_full_database_again_changes_nothing() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let id = ada.submitted(starter("small_mlp")).await;
    app.run_all_jobs().await;
    let before = (ada.submission(&id).await, ada.standings().await);
    success(app.command().arg("migrate").output().unwrap());
    assert_eq!((ada.submission(&id).await, ada.standings().await), before);
}
