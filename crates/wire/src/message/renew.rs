/// An agent asks for a new certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renew {
    /// The signing request, in PEM.
    pub csr_pem: String,
}

/// The hub's answer to a [`Renew`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renewed {
    /// The new certificate, in PEM.
    pub certificate_pem: String,
}
