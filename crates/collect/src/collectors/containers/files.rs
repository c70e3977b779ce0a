//! Names of containers from the files of their runtimes, where we may read
//! them. Only the fields that are named here are taken: the rest holds
//! environments and with them secrets.

use std::collections::HashMap;
use std::io::Read;

use serde::Deserialize;

use super::names::Named;
use crate::Root;
use crate::container::ContainerRef;

/// The longest file that is read.
const MAX_BYTES: u64 = 1024 * 1024;
/// The most containers whose files are read in one go.
const MAX_LOOKED: usize = 64;

const PODMAN: &str = "var/lib/containers/storage/overlay-containers/containers.json";

#[derive(Debug, Deserialize)]
struct DockerConfig {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Config")]
    config: Option<DockerImage>,
}

#[derive(Debug, Deserialize)]
struct DockerImage {
    #[serde(rename = "Image", default)]
    image: String,
}

#[derive(Debug, Deserialize)]
struct PodmanEntry {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    metadata: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PodmanMetadata {
    #[serde(rename = "image-name", default)]
    image: String,
}

/// The configuration that every OCI runtime is given.
#[derive(Debug, Deserialize)]
struct OciConfig {
    #[serde(default)]
    annotations: HashMap<String, String>,
}

/// The names that files tell, by id. Those of whom they tell nothing are absent.
pub(super) fn look<'c>(
    root: &Root,
    containers: impl Iterator<Item = &'c ContainerRef<'c>>,
) -> Vec<(Vec<u8>, Named)> {
    let mut podman = None;
    let mut found = Vec::new();
    for container in containers.take(MAX_LOOKED) {
        // An id is a path's part here, so it must be nothing but an id.
        let Some(id) = std::str::from_utf8(container.id).ok().filter(|id| is_plain(id)) else {
            continue;
        };
        let named = match container.runtime {
            "docker" => docker(root, id),
            "podman" => {
                let all = podman.get_or_insert_with(|| read_podman(root));
                all.remove(id)
            }
            "containerd" => containerd(root, id),
            "cri-o" => crio(root, id),
            _ => containerd(root, id).or_else(|| crio(root, id)),
        };
        found.extend(named.map(|named| (container.id.to_vec(), named)));
    }
    found
}

fn docker(root: &Root, id: &str) -> Option<Named> {
    let path = format!("var/lib/docker/containers/{id}/config.v2.json");
    let config: DockerConfig = read(root, &path)?;
    let image = config.config.map(|config| config.image).unwrap_or_default();
    Some(Named { name: config.name.trim_start_matches('/').to_owned(), image })
}

fn read_podman(root: &Root) -> HashMap<String, Named> {
    let entries: Vec<PodmanEntry> = read(root, PODMAN).unwrap_or_default();
    let named = |entry: PodmanEntry| {
        let metadata = entry.metadata.unwrap_or_default();
        let image = serde_json::from_str(&metadata).map(|data: PodmanMetadata| data.image);
        let name = entry.names.unwrap_or_default().into_iter().next().unwrap_or_default();
        (entry.id, Named { name, image: image.unwrap_or_default() })
    };
    entries.into_iter().map(named).collect()
}

fn containerd(root: &Root, id: &str) -> Option<Named> {
    let path = format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json");
    let OciConfig { annotations } = read(root, &path)?;
    let get = |key: &str| annotations.get(&format!("io.kubernetes.cri.{key}")).cloned();
    // The container that holds the namespaces of a pod has no name of its own.
    let name = get("container-name").unwrap_or_else(|| "pause".to_owned());
    let (space, pod) = (get("sandbox-namespace")?, get("sandbox-name")?);
    let image = get("image-name").unwrap_or_default();
    Some(Named { name: format!("{space}/{pod}/{name}"), image })
}

fn crio(root: &Root, id: &str) -> Option<Named> {
    let path = format!("run/containers/storage/overlay-containers/{id}/userdata/config.json");
    let OciConfig { annotations } = read(root, &path)?;
    let get = |key: &str| annotations.get(&format!("io.kubernetes.{key}")).cloned();
    let (space, pod) = (get("pod.namespace")?, get("pod.name")?);
    let name = get("container.name").unwrap_or_else(|| "pause".to_owned());
    let image = get("cri-o.ImageName").unwrap_or_default();
    Some(Named { name: format!("{space}/{pod}/{name}"), image })
}

fn read<T: for<'de> Deserialize<'de>>(root: &Root, path: &str) -> Option<T> {
    let mut content = Vec::new();
    root.open_file(path).ok()?.take(MAX_BYTES).read_to_end(&mut content).ok()?;
    serde_json::from_slice(&content).ok()
}

fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
