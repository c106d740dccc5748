//! What applications are configured with, and how that changes.

use std::fs;

use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, ExitReason};
use proscenium_supervisor::application::{
    AppContext, Application, ApplicationError, ApplicationSpec, Applications, Environment, SettingError,
};
use proscenium_supervisor::{Restart, Supervisor};

use crate::common::{Colour, Log, Settings, refused};

/// Tells what it is configured with.
#[derive(Clone)]
struct Told(async_channel::Sender<Settings>);

impl Application for Told {
    type Env = Settings;
    type Top = Supervisor;

    async fn start(&mut self, app: &AppContext<Settings>) -> Result<Supervisor, ExitReason> {
        self.0.send(app.env().clone()).await?;
        Ok(Supervisor::one_for_one())
    }
}

/// What the application `shop` gets.
fn shop(environment: Environment) -> Settings {
    let (tell, told) = async_channel::bounded(1);
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let specs = [ApplicationSpec::new("shop", Told(tell)), Log::default().app("stock")];
        let applications = Applications::start_link(specs, environment, &mut ctx).await.unwrap();
        applications.start("shop", Restart::Temporary).await.unwrap();
        told.recv().await.unwrap()
    })
}

#[test]
fn what_is_not_set_is_as_serde_has_it_by_default() {
    assert_eq!(shop(Environment::new()), Settings::default());
}

#[test]
fn what_is_added_later_wins_setting_by_setting() {
    let environment = Environment::new()
        .embed("a.ron", r#"(shop: (port: 1, greeting: "hello", colour: Red), stock: (port: 9))"#)
        .embed("b.ron", "(shop: (port: 2))")
        .set("shop.colour=Green")
        .unwrap();
    assert_eq!(shop(environment), Settings { port: 2, greeting: "hello".into(), colour: Some(Colour::Green) });
}

#[test]
fn a_text_on_the_command_line_need_not_stand_in_quotes() {
    let greeting = |text: &str| shop(Environment::new().set(&format!("shop.greeting={text}")).unwrap()).greeting;
    assert_eq!(greeting("hello"), "hello");
    assert_eq!(greeting("hello, world = (5"), "hello, world = (5");
    assert_eq!(greeting("\"hello\""), "hello");
    assert_eq!(greeting("5"), "5");
    assert_eq!(greeting(""), "");
}

#[test]
fn the_command_line_keeps_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.ron");
    fs::write(&file, "(shop: (port: 1))").unwrap();
    let arguments = ["-v", "--set", "shop.port=2", &format!("--config={}", file.display()), "--", "--set"];
    let (environment, rest) = Environment::new().arguments(arguments.map(String::from)).unwrap();
    assert_eq!(rest, ["-v", "--", "--set"]);
    assert_eq!(shop(environment).port, 1, "the file is named later");
    let (environment, _) = Environment::new().arguments(["--set=shop.port=3"].map(String::from)).unwrap();
    assert_eq!(shop(environment).port, 3);
}

#[test]
fn what_is_no_setting_is_told() {
    let set = |text: &str| Environment::new().set(text).unwrap_err().to_string();
    assert_eq!(set("port=5"), r#""port=5" is no setting, which reads `application.key=value`"#);
    assert_eq!(set("shop.port"), r#""shop.port" is no setting, which reads `application.key=value`"#);
    assert_eq!(set(".port=5"), r#"".port=5" is no setting, which reads `application.key=value`"#);
    let error = Environment::new().arguments(["--set".into()]).unwrap_err();
    assert_eq!(error, SettingError::NoValue { option: "--set".into() });
}

#[test]
fn every_mistake_in_the_environment_is_told_before_anything_starts() {
    let log = Log::default();
    let environment = Environment::new()
        .embed("a.ron", "(\n    shop: (port: 70000, prot: 1),\n    stok: (),\n    stock: 5,\n)")
        .embed("b.ron", "(shop: (colour: Rde)")
        .embed("c.ron", "(shop: (colour: Rde))")
        .set("shop.greting=hello")
        .unwrap()
        .set("stock.port=many")
        .unwrap()
        .file("/nowhere/d.ron");
    let told = refused([log.app("shop"), log.app("stock")], environment);
    let expected = "\
its init failed: --set shop.greting: shop: unknown field `greting`, did you mean `greeting`?
--set stock.port: stock.port: expected integer
/nowhere/d.ron: cannot be read: No such file or directory (os error 2)
a.ron:2:18: shop.port: integer is out of bounds
a.ron:2:25: shop: unknown field `prot`, did you mean `port`?
a.ron:3:5: unknown application `stok`, did you mean `stock`?
a.ron:4:12: stock: expected a struct, `(field: value, …)`
b.ron:1:21: expected comma
c.ron:1:17: shop.colour: unknown variant `Rde`, did you mean `Red`?; there is `Red`, `Green`";
    assert_eq!(told, expected);
    assert_eq!(log.take(), "");
}

#[test]
fn a_reload_tells_all_that_run_what_is_new_and_a_wrong_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.ron");
    let write = |text: &str| fs::write(&file, text).unwrap();
    write("(shop: (port: 1))");
    let log = Log::default();
    let specs = [log.app("shop"), log.app("stock"), log.app("idle")];
    let environment = Environment::new().file(&file);
    let test = TestSystem::new(1);
    let file = file.clone();
    test.run(move |mut ctx: Context<()>| async move {
        let applications = Applications::start_link(specs, environment, &mut ctx).await.unwrap();
        applications.ensure_all_started(["shop", "stock"], Restart::Temporary).await.unwrap();
        log.take();

        fs::write(&file, "(shop: (port: 2), idle: (port: 7))").unwrap();
        applications.reload().await.unwrap();
        let mut told: Vec<String> = log.take().split(", ").map(String::from).collect();
        told.sort();
        assert_eq!(told, ["shop port 1 -> 2", "stock port 0 -> 0"]);

        fs::write(&file, "(shop: (port: many), idle: (port: 8))").unwrap();
        assert!(matches!(applications.reload().await, Err(ApplicationError::Environment(_))));
        assert_eq!(log.take(), "");

        fs::write(&file, "(shop: (port: 3))").unwrap();
        applications.reload().await.unwrap();
        assert!(log.take().contains("shop port 2 -> 3"));
    });
}

#[test]
fn a_reload_of_nothing_that_runs_is_done_at_once() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let applications = Applications::start_link([], Environment::new(), &mut ctx).await.unwrap();
        applications.reload().await.unwrap();
    });
}
