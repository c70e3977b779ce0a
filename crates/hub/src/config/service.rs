use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_model::Scope;
use watchfire_runtime::Secret;

/// A service of somebody else's, over HTTP.
#[derive(Debug, Clone)]
pub struct Service {
    /// Where it is, without a login in it.
    pub url: String,
    /// How the hub logs in there.
    pub login: Option<ServiceLogin>,
}

/// A login at a service.
#[derive(Debug, Clone)]
pub enum ServiceLogin {
    /// A token.
    Bearer(Secret),
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
}

/// Another store that gets what agents tell, by Prometheus' remote write.
#[derive(Debug, Clone)]
pub struct RemoteWrite {
    /// Where it takes them.
    pub service: Service,
    /// The servers whose samples it gets.
    pub scope: Scope,
}

impl Service {
    /// The value of the header `Authorization`.
    #[must_use]
    pub fn authorization(&self) -> Option<Secret> {
        Some(Secret::new(match self.login.as_ref()? {
            ServiceLogin::Bearer(token) => format!("Bearer {}", token.expose()),
            ServiceLogin::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose())))
            }
        }))
    }

    /// True when it is asked without TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.url.starts_with("http://")
    }
}
