//! What applications are configured with: files, and what the command line sets.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::tree::Mistakes;
use crate::tree::fields::{Fields, mistake};
use crate::tree::files::read_document;
use crate::tree::mistake::{Mistake, Problem};
use crate::tree::node::{Entry, Node};

/// Where the settings of applications are read from; OTP's configuration files and command line.
///
/// A file is a struct with a field for each application, whose fields are the settings:
/// `(shop: (port: 8080), stock: (shelves: 12))`. What is added later wins, setting by setting.
///
/// # Examples
///
/// ```
/// use proscenium_supervisor::application::Environment;
///
/// let arguments = ["--set", "shop.port=9090", "serve"].map(String::from);
/// let (environment, rest) = Environment::new()
///     .embed("shop.ron", r#"(shop: (port: 8080, greeting: "hello"))"#)
///     .arguments(arguments)
///     .unwrap();
/// assert_eq!(rest, ["serve"]);
/// # drop(environment);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Environment {
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
enum Layer {
    File(PathBuf),
    Text { file: Arc<str>, text: Arc<str> },
    Setting { application: Arc<str>, key: Arc<str>, value: Arc<str> },
}

/// Something on the command line is no setting.
///
/// # Examples
///
/// ```
/// use proscenium_supervisor::application::{Environment, SettingError};
///
/// let arguments = ["serve", "--set"].map(String::from);
/// let error = Environment::new().arguments(arguments).unwrap_err();
/// assert_eq!(error, SettingError::NoValue { option: "--set".into() });
/// assert_eq!(error.to_string(), "`--set` stands without a value");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It does not read `application.key=value`.
    #[error("{text:?} is no setting, which reads `application.key=value`")]
    NoSetting {
        /// What it reads.
        text: String,
    },
    /// An option stands last, without its value.
    #[error("`{option}` stands without a value")]
    NoValue {
        /// The option.
        option: String,
    },
}

impl Environment {
    /// One in which nothing is set: applications have their defaults.
    pub fn new() -> Self {
        Environment::default()
    }

    /// Adds a file, which is read when applications start and on every reload.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::application::{Applications, Environment};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let file = folder.path().join("shop.ron");
    /// fs::write(&file, "(shpo: (tills: 3))").unwrap();
    /// # mod part { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/part.rs")); }
    /// # use part::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let environment = Environment::new().file(file);
    ///     let error = Applications::start_link([part("shop")], environment, &mut ctx).await.unwrap_err();
    ///     assert!(error.to_string().contains("shop.ron:1:2: ")); // That is where it is wrong.
    ///     assert!(error.to_string().ends_with("unknown application `shpo`, did you mean `shop`?"));
    /// });
    /// ```
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.layers.push(Layer::File(file.into()));
        self
    }

    /// Adds the text of a file that is part of the program.
    #[must_use]
    pub fn embed(mut self, file: &str, text: &str) -> Self {
        self.layers.push(Layer::Text { file: file.into(), text: text.into() });
        self
    }

    /// Adds a setting such as `shop.port=9090`. The value is RON; where a text is wanted it need not stand in quotes.
    ///
    /// # Errors
    /// If it does not read so.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_supervisor::application::{Environment, SettingError};
    ///
    /// let environment = Environment::new().set("shop.tills=3").unwrap().set("shop.tills=4").unwrap(); // Four it is.
    /// let error = environment.set("three tills").unwrap_err();
    /// assert_eq!(error, SettingError::NoSetting { text: "three tills".into() });
    /// ```
    pub fn set(mut self, setting: &str) -> Result<Self, SettingError> {
        let parts = setting.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let Some(((application, key), value)) = parts.filter(|((a, k), _)| !a.is_empty() && !k.is_empty()) else {
            return Err(SettingError::NoSetting { text: setting.to_owned() });
        };
        self.layers.push(Layer::Setting { application: application.into(), key: key.into(), value: value.into() });
        Ok(self)
    }

    /// Adds what a command line asks for, `--config FILE` and `--set application.key=value`, in its order, and returns
    /// the other arguments. What comes behind `--` is left alone.
    ///
    /// # Errors
    /// If one of these stands without a value, or sets nothing.
    pub fn arguments(
        mut self,
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<(Self, Vec<String>), SettingError> {
        let mut arguments = arguments.into_iter();
        let mut rest = Vec::new();
        while let Some(argument) = arguments.next() {
            let (option, value) = match argument.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (&*argument, None),
            };
            let mut value = || {
                let value = value.clone().or_else(|| arguments.next());
                value.ok_or_else(|| SettingError::NoValue { option: option.to_owned() })
            };
            match option {
                "--config" => self = self.file(value()?),
                "--set" => self = self.set(&value()?)?,
                "--" => {
                    rest.push(argument);
                    rest.extend(arguments);
                    break;
                }
                _ => rest.push(argument),
            }
        }
        Ok((self, rest))
    }

    /// Reads all layers. What is set for others than `known` applications is a mistake.
    pub(crate) fn read(&self, known: &[&str], mistakes: &mut Mistakes) -> Settings {
        let mut settings = Settings::default();
        for layer in &self.layers {
            match layer {
                Layer::File(file) => {
                    let name: Arc<str> = file.to_string_lossy().into();
                    match fs::read_to_string(file) {
                        Ok(text) => settings.add_file(name, text, known, mistakes),
                        Err(error) => {
                            let problem = Problem::Unreadable(error.to_string());
                            mistakes.add(Mistake { file: name, position: None, path: String::new(), problem });
                        }
                    }
                }
                Layer::Text { file, text } => settings.add_file(file.clone(), text.to_string(), known, mistakes),
                Layer::Setting { application, key, value } => {
                    let source = format!("--set {application}.{key}");
                    let (name, value) = (Node::setting(&source, key), Node::setting(&source, value));
                    settings.add_known(application, &name, known, mistakes, |all| all.set(name.clone(), value));
                }
            }
        }
        settings
    }
}

/// What is set, by application.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    applications: BTreeMap<Arc<str>, ApplicationSettings>,
}

/// What is set for one application.
#[derive(Clone, Debug, Default)]
pub(crate) struct ApplicationSettings {
    pub(crate) fields: Vec<Entry>,
}

impl Settings {
    pub(crate) fn of(&self, application: &str) -> ApplicationSettings {
        self.applications.get(application).cloned().unwrap_or_default()
    }

    fn add_file(&mut self, file: Arc<str>, text: String, known: &[&str], mistakes: &mut Mistakes) {
        let Some(node) = read_document(file, text, mistakes) else { return };
        let Some(applications) = node.fields() else {
            // It complains of what is no struct.
            return Fields::of(&node, "", mistakes).finish();
        };
        for (name, node) in applications {
            let settings = node.fields().unwrap_or_default();
            if node.fields().is_none() {
                Fields::of(&node, name.text(), mistakes).finish();
            }
            self.add_known(name.text(), &name, known, mistakes, |all| {
                settings.into_iter().for_each(|(name, value)| all.set(name, value));
            });
        }
    }

    /// Adds to what is set for an application, if it is a known one. Its name stands `at`.
    fn add_known(
        &mut self,
        application: &str,
        at: &Node,
        known: &[&str],
        mistakes: &mut Mistakes,
        add: impl FnOnce(&mut ApplicationSettings),
    ) {
        if known.contains(&application) {
            add(self.applications.entry(application.into()).or_default());
        } else {
            mistakes.add(mistake(at, "", Problem::unknown_application(application, known.iter().copied())));
        }
    }
}

impl ApplicationSettings {
    fn set(&mut self, name: Node, value: Node) {
        self.fields.retain(|(other, _)| other.text() != name.text());
        self.fields.push((name, value));
    }
}
