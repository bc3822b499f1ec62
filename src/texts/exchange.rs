//! Texts about exports: what is changed, left out or to be checked, what is asked, and why one cannot be read.

use super::{Lang, texts};
use crate::domain::exchange::{ExportRefusal, ImportLayout, ImportNote, ImportQuestion, NoteKind, NoteLevel, Product};

texts! {
    note_level_changed: "Changed", "已调整";
    note_level_left_out: "Left out", "未导入";
    note_level_check: "Check", "请确认";

    note_renamed(n: usize): "{n} name had to change; clients must ask for the new name" | "{n} names had to change; clients must ask for the new names", "{n} 个名称已更改，客户端须使用新名称";
    note_lowercased(n: usize): "{n} name is now in lower case; clients of the product ignore case" | "{n} names are now in lower case; clients of the product ignore case", "{n} 个名称改为小写，原产品的客户端不区分大小写";
    note_format_guessed(n: usize): "{n} format is not the declared one" | "{n} formats are not the declared ones", "{n} 个格式与声明不同";
    note_stored_as_text(n: usize): "{n} text is not valid in its format and becomes plain text" | "{n} texts are not valid in their formats and become plain text", "{n} 个文本不符合其格式，改为纯文本";
    note_types_dropped(n: usize): "{n} value does not fit its type and becomes a string" | "{n} values do not fit their types and become strings", "{n} 个值与其类型不符，改为字符串";
    note_comments_cut(n: usize): "{n} comment is longer than 2,000 bytes and is cut" | "{n} comments are longer than 2,000 bytes and are cut", "{n} 条备注超过 2,000 字节，已截断";
    note_charset(n: usize): "{n} file is not UTF-8 and was read as GB18030; check its characters" | "{n} files are not UTF-8 and were read as GB18030; check their characters", "{n} 个文件不是 UTF-8，按 GB18030 读取，请核对文字";
    note_latin1(n: usize): "{n} file is not UTF-8 and was read as ISO-8859-1; check its characters" | "{n} files are not UTF-8 and were read as ISO-8859-1; check their characters", "{n} 个文件不是 UTF-8，按 ISO-8859-1 读取，请核对文字";
    note_common_folder: "The folder around everything is ignored", "忽略了最外层的文件夹";
    note_repeated_paths(n: usize): "{n} path is there several times; the last one counts" | "{n} paths are there several times; the last ones count", "{n} 个路径重复出现，以最后一个为准";
    note_repeated_keys(n: usize): "{n} key is there several times; the last value counts" | "{n} keys are there several times; the last values count", "{n} 个键重复出现，以最后的值为准";
    note_properties_first(n: usize): "{n} key is in .properties and in YAML; the value in .properties counts" | "{n} keys are in .properties and in YAML; the values in .properties count", "{n} 个键同时出现在 .properties 与 YAML 中，以 .properties 为准";
    note_files_merged(n: usize): "{n} file is merged into one document" | "{n} files are merged into one document", "{n} 个文件合并为一份文档";
    note_source_texts(n: usize): "{n} value is no string in the file; its source text is taken" | "{n} values are no strings in the file; their source texts are taken", "{n} 个值在文件中不是字符串，按原文导入";
    note_loose_lines(n: usize): "{n} blank line or comment without a key" | "{n} blank lines and comments without a key", "{n} 个空行或没有键的注释";
    note_keys(n: usize): "{n} key that Trimtab cannot store: over 256 bytes, with invisible characters, or with white space at an end" | "{n} keys that Trimtab cannot store: over 256 bytes, with invisible characters, or with white space at an end", "{n} 个键无法保存：超过 256 字节、含有不可见字符或首尾有空白";
    note_deleted_keys(n: usize): "{n} key that was deleted before the export" | "{n} keys that were deleted before the export", "{n} 个键在导出前已删除";
    note_too_large(n: usize): "{n} config or file above the limits: 1.4 MiB for a document, 1 MiB for a value, 20,000 keys" | "{n} configs or files above the limits: 1.4 MiB for a document, 1 MiB for a value, 20,000 keys", "{n} 个配置或文件超出限制：文档 1.4 MiB、单个值 1 MiB、20,000 个键";
    note_nothing_saved: "Nothing was saved there; the namespace is created without a release", "其中没有内容，仅创建命名空间，不产生版本";
    note_entries(n: usize): "{n} file that does not belong to the export" | "{n} files that do not belong to the export", "{n} 个文件不属于此导出";
    note_unreadable(n: usize): "{n} entry that cannot be read" | "{n} entries that cannot be read", "{n} 个条目无法读取";
    note_system_files(n: usize): "{n} file of an operating system or archiver" | "{n} files of operating systems or archivers", "{n} 个操作系统或压缩工具的文件";
    note_descriptions(n: usize): "{n} tag list" | "{n} tag lists", "{n} 组标签";
    note_binary(n: usize): "{n} value that is no text" | "{n} values that are no text", "{n} 个值不是文本";
    note_secrets(n: usize): "{n} secret; enter its values in your secret store" | "{n} secrets; enter their values in your secret store", "{n} 个 Secret，请在密钥管理系统中录入其值";
    note_encrypted(n: usize): "{n} encrypted value; only the product itself can decrypt it" | "{n} encrypted values; only the product itself can decrypt them", "{n} 个加密的值，只有原产品能够解密";
    note_leases(n: usize): "{n} key with a lease, such as a lock or a registration" | "{n} keys with a lease, such as locks and registrations", "{n} 个带租约的键，例如锁或服务注册";
    note_folder_marks(n: usize): "{n} mark of a folder" | "{n} marks of folders", "{n} 个文件夹标记";
    note_flags(n: usize): "the flags or session of {n} key" | "the flags or sessions of {n} keys", "{n} 个键的 flags 或会话";
    note_outside_layout(n: usize): "{n} key that does not fit the layout" | "{n} keys that do not fit the layout", "{n} 个键不符合所选的布局";
    note_same_cluster(n: usize): "{n} config of a cluster that equals that of the default cluster" | "{n} configs of clusters that equal those of the default cluster", "{n} 个集群配置与 default 集群相同";
    note_managed_objects(n: usize): "{n} object that Kubernetes or Helm manages" | "{n} objects that Kubernetes or Helm manages", "{n} 个由 Kubernetes 或 Helm 管理的对象";
    note_other_objects(n: usize): "{n} object of another kind" | "{n} objects of other kinds", "{n} 个其他类型的对象";
    note_labels(n: usize): "{n} label, or immutability" | "{n} labels, and immutability", "{n} 个标签或不可变标记";
    note_conditions(n: usize): "{n} document for an expression of several profiles or for a cloud platform" | "{n} documents for expressions of several profiles or for cloud platforms", "{n} 份文档的条件是多个 profile 的表达式或云平台";
    note_not_chosen(n: usize): "{n} config that you left out" | "{n} configs that you left out", "您选择不导入的 {n} 个配置";
    note_editing_state: "The export has what was last edited in Apollo, published or not. It has no history, gray releases, permissions and access keys", "导出的是 Apollo 中最后编辑的内容（不论是否已发布），不含发布历史、灰度、权限和访问密钥";
    note_no_history: "The export has no history and no permissions", "导出内容不含历史记录和权限";
    note_likely_secrets(n: usize): "{n} key that may hold a secret" | "{n} keys that may hold secrets", "{n} 个键的值可能是机密";
    note_public_namespace(n: usize): "{n} override of a public namespace; the keys of both are not merged" | "{n} overrides of public namespaces; the keys of both are not merged", "{n} 处覆盖了公共命名空间，两者的键不会合并";
    note_may_be_missing(n: usize): "{n} part seems to be missing in the export; compare it with the product" | "{n} parts seem to be missing in the export; compare it with the product", "导出似乎缺少 {n} 个部分，请与原产品核对";

    question_env(assumed: &str): "The export names no environment. “{assumed}” is assumed.", "导出中没有环境名，暂按“{assumed}”处理。";
    question_base_env: "The configuration without a profile is left out. Name its environment to import it too.", "未导入没有 profile 的配置；如需导入，请指定其环境。";
    question_app(assumed: &str): "The export names no application. “{assumed}” is assumed.", "导出中没有应用名，暂按“{assumed}”处理。";
    question_layout(assumed: &str, choices: &str): "The names can be understood in several ways: {choices}. “{assumed}” is assumed.", "名称有多种理解方式：{choices}。暂按“{assumed}”处理。";
    question_cluster(cluster: &str, assumed: &str): "The cluster {cluster} becomes the environment “{assumed}”.", "集群 {cluster} 将成为环境“{assumed}”。";

    refusal_unknown: "This is not an export that Trimtab knows. It reads those of Trimtab, Apollo, Nacos, r-nacos, Consul, etcd (JSON), Spring Cloud Config, Kubernetes and .NET. Name the product if it cannot be recognised.", "无法识别此导出。支持 Trimtab、Apollo、Nacos、r-nacos、Consul、etcd（JSON）、Spring Cloud Config、Kubernetes 和 .NET 的导出；无法自动识别时请指定产品。";
    refusal_not_of(product: &str): "This is not an export of {product}. Let Trimtab recognise the product, or export again.", "这不是 {product} 的导出。请让 Trimtab 自动识别，或重新导出。";
    refusal_empty: "The export is empty. Export again, and check what the exporting user may see.", "导出内容为空。请重新导出，并检查导出用户的权限。";
    refusal_too_large(size: &str): "The export is larger than {size}. Export one application or environment at a time.", "导出内容超过 {size}，请按应用或环境分别导出。";
    refusal_too_many_entries(max: usize): "The export has more than {max} files. Export one application or environment at a time.", "导出内容超过 {max} 个文件，请按应用或环境分别导出。";
    refusal_archive(detail: &str): "The archive is damaged: {detail}. Export or download it again.", "压缩包已损坏：{detail}。请重新导出或下载。";
    refusal_expands: "The export expands to far more than its own size. Export one application or environment at a time.", "导出展开后的大小异常，请按应用或环境分别导出。";
    refusal_encrypted_entry(path: &str): "{path} is encrypted. Pack the archive without a password.", "{path} 已加密，请使用不带密码的压缩包。";
    refusal_entry_name: "A file in the archive has an unreadable name. Pack the archive again.", "压缩包中有文件名无法读取，请重新打包。";
    refusal_charset(path: &str): "{path} is not UTF-8. Save it as UTF-8.", "{path} 不是 UTF-8，请另存为 UTF-8。";
    refusal_etcd_plain: "This is the plain output of etcdctl, in which keys and values cannot be told apart. Export with -w json.", "这是 etcdctl 的普通输出，无法区分键和值，请使用 -w json 导出。";
    refusal_etcd_snapshot: "This is a snapshot of etcd. Restore it with etcdutl snapshot restore, then run etcdctl get --prefix … -w json.", "这是 etcd 快照。请先用 etcdutl snapshot restore 恢复，再运行 etcdctl get --prefix … -w json。";
    refusal_feature_flags: "These are feature flags that decide per user. Trimtab gives every instance the same value, so they cannot be imported.", "这是按用户判断的特性开关，而 Trimtab 对所有实例下发相同的值，无法导入。";
    refusal_version(version: u64): "This export has version {version}, which a later Trimtab wrote. Update this one.", "此导出的版本为 {version}，由更新的 Trimtab 写出，请先升级。";
    refusal_manifest(path: &str): "{path} is missing in the export, or was changed after it. Export again.", "导出中缺少 {path}，或其内容在导出后被修改，请重新导出。";
    colon: ": ", "：";
    examples_more(n: usize): "and {n} more", "等另外 {n} 个";
}

impl Lang {
    /// Returns the name of a weight.
    pub fn note_level(self, level: NoteLevel) -> &'static str {
        match level {
            NoteLevel::Changed => self.note_level_changed(),
            NoteLevel::LeftOut => self.note_level_left_out(),
            NoteLevel::Check => self.note_level_check(),
        }
    }

    /// Returns a note in one line, with its examples.
    pub fn import_note(self, note: &ImportNote) -> String {
        let mut text = self.note_text(note.kind, note.count);
        if !note.examples.is_empty() {
            text += self.colon();
            text += &note.examples.join(self.comma());
            let more = note.count.saturating_sub(note.examples.len());
            if more > 0 {
                text += self.comma();
                text += &self.examples_more(more);
            }
        }
        text
    }

    fn note_text(self, kind: NoteKind, n: usize) -> String {
        match kind {
            NoteKind::Renamed => self.note_renamed(n),
            NoteKind::Lowercased => self.note_lowercased(n),
            NoteKind::FormatGuessed => self.note_format_guessed(n),
            NoteKind::StoredAsText => self.note_stored_as_text(n),
            NoteKind::TypesDropped => self.note_types_dropped(n),
            NoteKind::CommentsCut => self.note_comments_cut(n),
            NoteKind::Charset => self.note_charset(n),
            NoteKind::Latin1 => self.note_latin1(n),
            NoteKind::CommonFolder => self.note_common_folder().to_owned(),
            NoteKind::RepeatedPaths => self.note_repeated_paths(n),
            NoteKind::RepeatedKeys => self.note_repeated_keys(n),
            NoteKind::PropertiesFirst => self.note_properties_first(n),
            NoteKind::FilesMerged => self.note_files_merged(n),
            NoteKind::SourceTexts => self.note_source_texts(n),
            NoteKind::LooseLines => self.note_loose_lines(n),
            NoteKind::Keys => self.note_keys(n),
            NoteKind::DeletedKeys => self.note_deleted_keys(n),
            NoteKind::TooLarge => self.note_too_large(n),
            NoteKind::NothingSaved => self.note_nothing_saved().to_owned(),
            NoteKind::Entries => self.note_entries(n),
            NoteKind::Unreadable => self.note_unreadable(n),
            NoteKind::SystemFiles => self.note_system_files(n),
            NoteKind::Descriptions => self.note_descriptions(n),
            NoteKind::Binary => self.note_binary(n),
            NoteKind::Secrets => self.note_secrets(n),
            NoteKind::Encrypted => self.note_encrypted(n),
            NoteKind::Leases => self.note_leases(n),
            NoteKind::FolderMarks => self.note_folder_marks(n),
            NoteKind::Flags => self.note_flags(n),
            NoteKind::OutsideLayout => self.note_outside_layout(n),
            NoteKind::SameCluster => self.note_same_cluster(n),
            NoteKind::ManagedObjects => self.note_managed_objects(n),
            NoteKind::OtherObjects => self.note_other_objects(n),
            NoteKind::Labels => self.note_labels(n),
            NoteKind::Conditions => self.note_conditions(n),
            NoteKind::NotChosen => self.note_not_chosen(n),
            NoteKind::EditingState => self.note_editing_state().to_owned(),
            NoteKind::NoHistory => self.note_no_history().to_owned(),
            NoteKind::LikelySecrets => self.note_likely_secrets(n),
            NoteKind::PublicNamespace => self.note_public_namespace(n),
            NoteKind::MayBeMissing => self.note_may_be_missing(n),
        }
    }

    /// Returns a question with the assumed answer.
    pub fn import_question(self, question: &ImportQuestion) -> String {
        match question {
            ImportQuestion::Env { assumed } => self.question_env(assumed.as_str()),
            ImportQuestion::BaseEnv => self.question_base_env().to_owned(),
            ImportQuestion::App { assumed } => self.question_app(assumed.as_str()),
            ImportQuestion::Layout { assumed, choices } => {
                let choices: Vec<&str> = choices.iter().copied().map(ImportLayout::as_str).collect();
                self.question_layout(assumed.as_str(), &choices.join(self.comma()))
            }
            ImportQuestion::Cluster { cluster, assumed } => self.question_cluster(cluster, assumed.as_str()),
        }
    }

    /// Returns why an export cannot be read, and what to do.
    pub fn export_refusal(self, refusal: &ExportRefusal) -> String {
        match refusal {
            ExportRefusal::Unknown => self.refusal_unknown().to_owned(),
            ExportRefusal::NotOf { product } => self.refusal_not_of(Product::title(*product)),
            ExportRefusal::Empty => self.refusal_empty().to_owned(),
            ExportRefusal::TooLarge { max } => self.refusal_too_large(&self.size(*max)),
            ExportRefusal::TooManyEntries { max } => self.refusal_too_many_entries(*max),
            ExportRefusal::Archive { detail } => self.refusal_archive(detail),
            ExportRefusal::Expands => self.refusal_expands().to_owned(),
            ExportRefusal::EncryptedEntry { path } => self.refusal_encrypted_entry(path),
            ExportRefusal::EntryName => self.refusal_entry_name().to_owned(),
            ExportRefusal::Charset { path } => self.refusal_charset(path),
            ExportRefusal::Mistake { path, invalid } => {
                let place = [invalid.line, invalid.column].into_iter().flatten().map(|n| format!(":{n}"));
                format!("{path}{}{}{}", place.collect::<String>(), self.colon(), self.problem(&invalid.problem))
            }
            ExportRefusal::EtcdPlain => self.refusal_etcd_plain().to_owned(),
            ExportRefusal::EtcdSnapshot => self.refusal_etcd_snapshot().to_owned(),
            ExportRefusal::FeatureFlags => self.refusal_feature_flags().to_owned(),
            ExportRefusal::Version { version } => self.refusal_version(*version),
            ExportRefusal::Manifest { path } => self.refusal_manifest(path),
        }
    }
}
