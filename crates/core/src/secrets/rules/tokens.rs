//! What other vendors give out: tokens that are known by a prefix.

use super::{Guard, Rule, Strength, TOKEN};

/// A row whose keywords are the public prefixes of the token.
macro_rules! tokens {
    ($($id:literal, $what:literal, $source:literal, [$($keyword:literal),+], $pattern:literal,
        finds [$($finds:literal),+] leaves [$($leaves:literal),*];)+) => {
        &[$(Rule {
            id: $id,
            what: $what,
            source: concat!("pattern ours; format: ", $source),
            keywords: &[$($keyword),+],
            pattern: $pattern,
            finds: &[$($finds),+],
            leaves: &[$($leaves),*],
            ..TOKEN
        }),+]
    };
}

pub(super) const RULES: &[Rule] = tokens![
    "github-token", "GitHub token", "gitleaks github-pat, github-oauth, github-app-token, github-refresh-token",
    ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"(gh[pousr]_[A-Za-z0-9]{30,})",
    finds ["gh auth login --with-token <<< ⟦ghp_{36}⟧", "https://x:⟦ghs_{36}⟧@github.com/o/r"]
    leaves ["ghp_short", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"];

    "github-fine-grained-token", "GitHub fine-grained token", "gitleaks github-fine-grained-pat",
    ["github_pat_"], r"(github_pat_[A-Za-z0-9_]{50,})",
    finds ["GITHUB_TOKEN=⟦github_pat_{82}⟧"] leaves ["github_pat_name"];

    "gitlab-token", "GitLab token", "gitleaks gitlab-pat and its siblings, GitLab documentation (token prefixes)",
    ["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-"],
    r"(gl(?:pat|dt|rt|ptt|cbt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{18,})",
    finds ["curl --header \"PRIVATE-TOKEN: ⟦glpat-{20}⟧\" https://gitlab.example.com", "gitlab-runner register -t ⟦glrt-{20}⟧"]
    leaves ["glpat-"];

    "slack-token", "Slack token", "gitleaks slack-bot-token and its siblings",
    ["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxe-", "xoxe.xox", "xapp-"],
    r"((?:xox[abeoprs](?:\.xox[bp])?|xapp)-[A-Za-z0-9-]{16,})",
    finds ["SLACK=⟦xoxb-{12}-{12}-{24}⟧", "⟦xapp-1-{U10}-{12}-{64}⟧"] leaves ["xoxb-"];

    "slack-webhook", "Slack webhook", "gitleaks slack-webhook-url",
    ["hooks.slack.com/"], r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/+_-]{30,})",
    finds ["curl -d @m https://hooks.slack.com/services/⟦T{U8}/B{U10}/{24}⟧"] leaves ["https://hooks.slack.com/services/"];

    "discord-webhook", "Discord webhook", "Discord developer documentation (webhooks)",
    ["/api/webhooks/"], r"discord(?:app)?\.com/api/webhooks/[0-9]{10,}/([A-Za-z0-9_-]{40,})",
    finds ["https://discord.com/api/webhooks/123456789012345678/⟦{68}⟧"] leaves ["/api/webhooks/github"];

    "teams-webhook", "Microsoft Teams webhook", "gitleaks microsoft-teams-webhook",
    ["/incomingwebhook/"], r"(?i)/webhookb2/[0-9a-f@-]{20,}/IncomingWebhook/([0-9a-z/-]{30,})",
    finds ["https://x.webhook.office.com/webhookb2/01234567-0123-0123-0123-0123456789ab@01234567-0123-0123-0123-0123456789ab/IncomingWebhook/⟦{x32}/01234567-0123-0123-0123-0123456789ab⟧"]
    leaves ["/IncomingWebhook/"];

    "telegram-bot-token", "Telegram bot token", "gitleaks telegram-bot-api-token",
    ["telegram"], r"(?i)telegram[^\n]{0,60}?(?:\b|bot)([0-9]{8,12}:AA[A-Za-z0-9_-]{32,})",
    finds ["curl https://api.telegram.org/bot⟦123456789:AA{33}⟧/sendMessage"] leaves ["https://api.telegram.org/bot$BOT/getMe"];

    "google-api-key", "Google API key", "gitleaks gcp-api-key",
    ["AIza"], r"(AIza[A-Za-z0-9_-]{35,})",
    finds ["https://maps.googleapis.com/maps/api/js?key=⟦AIza{35}⟧"] leaves ["AIza"];

    "google-oauth-token", "Google OAuth token or client secret", "Google identity documentation",
    ["ya29.", "GOCSPX-"], r"((?:ya29\.|GOCSPX-)[A-Za-z0-9_.-]{20,})",
    finds ["gcloud auth print-access-token\n⟦ya29.{120}⟧", "client_secret=⟦GOCSPX-{28}⟧"] leaves ["ya29. is a prefix"];

    "stripe-key", "Stripe key", "gitleaks stripe-access-token",
    ["sk_live_", "rk_live_", "sk_test_", "rk_test_", "sk_prod_", "rk_prod_", "whsec_"],
    r"((?:[sr]k_(?:live|test|prod)|whsec)_[A-Za-z0-9]{10,})",
    finds ["STRIPE=⟦sk_live_{24}⟧", "whsec: ⟦whsec_{32}⟧"] leaves ["pk_live_0123456789abcdef", "sk_test_xxxxxxxxxxxx"];

    "square-token", "Square token", "gitleaks square-access-token",
    ["sq0atp-", "sq0csp-"], r"(sq0(?:atp|csp)-[A-Za-z0-9_-]{22,})", finds ["⟦sq0atp-{22}⟧"] leaves ["sq0atp-"];

    "shopify-token", "Shopify token", "gitleaks shopify-access-token and its siblings",
    ["shpat_", "shpca_", "shppa_", "shpss_"], r"(shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32,})",
    finds ["X-Shopify-Access-Token: ⟦shpat_{x32}⟧"] leaves ["shpat_"];

    "npm-token", "npm token", "gitleaks npm-access-token",
    ["npm_"], r"(npm_[A-Za-z0-9]{36,})",
    finds ["//registry.npmjs.org/:_authToken=⟦npm_{36}⟧"] leaves ["npm_config_registry=https://registry.npmjs.org", "npm_lifecycle_event"];

    "pypi-token", "PyPI token", "gitleaks pypi-upload-token",
    ["pypi-AgE", "pypi-AgN"], r"(pypi-Ag[EN][A-Za-z0-9_-]{50,})",
    finds ["twine upload -u __token__ -p ⟦pypi-AgEIcHlwaS5vcmc{120}⟧"] leaves ["pypi-AgE"];

    "rubygems-token", "RubyGems token", "gitleaks rubygems-api-token",
    ["rubygems_"], r"(rubygems_[a-f0-9]{48,})", finds ["⟦rubygems_{x48}⟧"] leaves ["rubygems_version: 3.4"];

    "nuget-key", "NuGet key", "NuGet documentation (API keys)",
    ["oy2"], r"(oy2[a-z0-9]{43})", finds ["nuget push x.nupkg ⟦oy2abcdefghij0123456789klmnopqrstuvw0123456789⟧"] leaves ["oy2"];

    "docker-token", "Docker Hub token", "Docker documentation (access tokens)",
    ["dckr_pat_", "dckr_oat_"], r"(dckr_[po]at_[A-Za-z0-9_-]{20,})", finds ["⟦dckr_pat_{27}⟧"] leaves ["dckr_pat_"];

    "docker-swarm-token", "token to join a swarm", "Docker documentation (swarm join)",
    ["SWMTKN-"], r"(SWMTKN-[0-9]-[a-z0-9]{20,}-[a-z0-9]{10,})",
    finds ["docker swarm join --token ⟦SWMTKN-1-{x50}-{x25}⟧ 10.0.0.1:2377"] leaves ["SWMTKN-1-"];

    "vault-token", "HashiCorp Vault token", "gitleaks vault-service-token, vault-batch-token",
    ["hvs.", "hvb.", "hvr."], r"(hv[sbr]\.[A-Za-z0-9_-]{20,})", finds ["vault login ⟦hvs.{90}⟧"] leaves ["hvs. is a prefix"];

    "terraform-token", "HCP Terraform token", "gitleaks hashicorp-tf-api-token",
    [".atlasv1."], r"([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,})", finds ["token = \"⟦{14}.atlasv1.{67}⟧\""] leaves [".atlasv1."];

    "openai-key", "OpenAI key", "gitleaks openai-api-key",
    ["sk-proj-", "sk-svcacct-", "sk-admin-", "T3BlbkFJ"],
    r"(sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9_-]{16,}T3BlbkFJ[A-Za-z0-9_-]{16,}))",
    finds ["OPENAI=⟦sk-proj-{74}T3BlbkFJ{74}⟧", "⟦sk-{20}T3BlbkFJ{20}⟧"] leaves ["sk-proj-name"];

    "anthropic-key", "Anthropic key", "gitleaks anthropic-api-key",
    ["sk-ant-"], r"(sk-ant-[A-Za-z0-9_-]{24,})", finds ["⟦sk-ant-api03-{93}AA⟧"] leaves ["sk-ant-"];

    "huggingface-token", "Hugging Face token", "gitleaks huggingface-access-token",
    ["hf_"], r"(hf_[A-Za-z]{30,})", finds ["HF=⟦hf_abcdefghijKLMNOPqrstuvwxyzABCDEFgh⟧"] leaves ["hf_transfer", "hf_hub_download"];

    "databricks-token", "Databricks token", "gitleaks databricks-api-token",
    ["dapi"], r"(dapi[a-f0-9]{32}(?:-[0-9])?)", finds ["⟦dapi{x32}⟧"] leaves ["fastdapi0"];

    "digitalocean-token", "DigitalOcean token", "gitleaks digitalocean-pat and its siblings",
    ["dop_v1_", "doo_v1_", "dor_v1_"], r"(do[opr]_v1_[a-f0-9]{60,})", finds ["doctl auth init -t ⟦dop_v1_{x64}⟧"] leaves ["dop_v1_"];

    "sendgrid-key", "SendGrid key", "gitleaks sendgrid-api-token",
    ["SG."], r"(SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,})", finds ["SENDGRID=⟦SG.{22}.{43}⟧"] leaves ["SG.example.com"];

    "brevo-key", "Brevo key", "gitleaks sendinblue-api-token",
    ["xkeysib-"], r"(xkeysib-[a-f0-9]{60,}(?:-[A-Za-z0-9]+)?)", finds ["⟦xkeysib-{x64}-{16}⟧"] leaves ["xkeysib-"];

    "grafana-token", "Grafana token", "gitleaks grafana-service-account-token, grafana-cloud-api-token",
    ["glsa_", "glc_"], r"(gl(?:sa|c)_[A-Za-z0-9+/=_]{32,})", finds ["⟦glsa_{32}_{x8}⟧"] leaves ["glc_"];

    "newrelic-key", "New Relic key", "gitleaks new-relic-user-api-key and its siblings",
    ["NRAK-", "NRII-", "NRAL-"], r"(NR(?:AK|II|AL)-[A-Za-z0-9-]{24,})", finds ["⟦NRAK-{27}⟧"] leaves ["NRAK-"];

    "dynatrace-token", "Dynatrace token", "gitleaks dynatrace-api-token",
    ["dt0c01.", "dt0s01."], r"(dt0[a-z][0-9]{2}\.[A-Za-z0-9]{8,}\.[A-Za-z0-9]{32,})", finds ["Api-Token ⟦dt0c01.{24}.{64}⟧"] leaves ["dt0c01."];

    "sentry-token", "Sentry token", "gitleaks sentry-org-token, sentry-user-token",
    ["sntrys_", "sntryu_"], r"(sntry[su]_[A-Za-z0-9+/=_]{40,})", finds ["⟦sntryu_{x64}⟧"] leaves ["sntrys_"];

    "atlassian-token", "Atlassian token", "gitleaks atlassian-api-token",
    ["ATATT3", "ATCTT3", "ATBB"], r"((?:AT[AC]TT3|ATBB)[A-Za-z0-9_=-]{28,})", finds ["⟦ATATT3{186}⟧", "⟦ATBB{32}⟧"] leaves ["ATBB"];

    "postman-key", "Postman key", "gitleaks postman-api-token",
    ["PMAK-"], r"(PMAK-[a-f0-9]{24}-[a-f0-9]{34,})", finds ["⟦PMAK-{x24}-{x34}⟧"] leaves ["PMAK-"];

    "pulumi-token", "Pulumi token", "gitleaks pulumi-api-token",
    ["pul-"], r"(pul-[a-f0-9]{40,})", finds ["⟦pul-{x40}⟧"] leaves ["pul-1"];

    "linear-key", "Linear key", "gitleaks linear-api-key",
    ["lin_api_"], r"(lin_api_[A-Za-z0-9]{32,})", finds ["⟦lin_api_{40}⟧"] leaves ["lin_api_url"];

    "notion-token", "Notion token", "gitleaks notion-api-token",
    ["ntn_"], r"(ntn_[0-9]{9,}[A-Za-z0-9]{30,})", finds ["⟦ntn_12345678901{35}⟧"] leaves ["ntn_id"];

    "doppler-token", "Doppler token", "gitleaks doppler-api-token",
    ["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."], r"(dp\.(?:pt|st|ct|sa)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,})", finds ["⟦dp.pt.{43}⟧"] leaves ["dp.pt."];

    "planetscale-token", "PlanetScale password or token", "gitleaks planetscale-password and its siblings",
    ["pscale_tkn_", "pscale_oauth_", "pscale_pw_"], r"(pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_=.-]{30,})", finds ["⟦pscale_pw_{43}⟧"] leaves ["pscale_pw_"];

    "flyio-token", "Fly.io token", "gitleaks flyio-access-token",
    ["fo1_", "fm1a_", "fm1r_", "fm2_"], r"((?:fo1_[A-Za-z0-9_-]{40,}|fm(?:1[ar]|2)_[A-Za-z0-9+/=]{60,}))", finds ["⟦fo1_{43}⟧"] leaves ["fo1_x"];

    "tailscale-key", "Tailscale key", "Tailscale documentation (key prefixes)",
    ["tskey-"], r"(tskey-[a-z]+-[A-Za-z0-9-]{16,})", finds ["tailscale up --authkey ⟦tskey-auth-{12}-{32}⟧"] leaves ["tskey-auth"];

    "artifactory-key", "Artifactory key", "gitleaks artifactory-api-key, artifactory-reference-token",
    ["AKCp", "cmVmd"], r"(AKCp[A-Za-z0-9]{60,}|cmVmd[A-Za-z0-9]{55,})", finds ["⟦AKCp{69}⟧"] leaves ["AKCp"];

    "alibaba-access-key-id", "Alibaba Cloud access key ID", "gitleaks alibaba-access-key-id",
    ["LTAI"], r"(LTAI[A-Za-z0-9]{17,24})", finds ["⟦LTAI{20}⟧"] leaves ["LTAI"];

    "azure-client-secret", "Microsoft Entra client secret", "gitleaks azure-ad-client-secret",
    ["Q~"], r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,})", finds ["az login -p ⟦abC8Q~{34}⟧"] leaves ["FAQ~", "8Q~ap"];

    "onepassword-token", "1Password service account token", "gitleaks 1password-service-account-token",
    ["ops_eyJ"], r"(ops_eyJ[A-Za-z0-9+/_=-]{60,})", finds ["OP=⟦ops_eyJ{250}⟧"] leaves ["ops_eyJ"];

    "onepassword-secret-key", "1Password secret key", "gitleaks 1password-secret-key",
    ["A3-"], r"(A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3})", finds ["⟦A3-{U6}-{U6}-{U5}-{U5}-{U5}-{U5}⟧"] leaves ["A3-A4"];

    "age-secret-key", "age key", "gitleaks age-secret-key",
    ["AGE-SECRET-KEY-1"], r"(AGE-SECRET-KEY-1[0-9A-Z]{30,})", finds ["⟦AGE-SECRET-KEY-1{U58}⟧"] leaves ["AGE-SECRET-KEY-1"];

    "openshift-token", "OpenShift token", "gitleaks openshift-user-token",
    ["sha256~"], r"(sha256~[A-Za-z0-9_-]{40,})", finds ["oc login --token=⟦sha256~{43}⟧"] leaves ["sha256~"];

    "jwt", "JSON web token", "RFC 7519, RFC 7516",
    ["eyJ"], r"(eyJ[A-Za-z0-9_-]{8,}\.(?:eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*|[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+))",
    finds ["⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{43}⟧", "Set-Header: ⟦eyJhbGciOiJkaXIiLCJ9..{16}.{40}.{22}⟧"] leaves ["eyJhbGciOiJIUzI1NiJ9"];

    "crypt-hash", "hash of a password", "crypt(5), argon2 and bcrypt encodings",
    ["$1$", "$5$", "$6$", "$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$apr1$", "$argon2"],
    r"(\$(?:1|5|6|apr1)\$(?:rounds=[0-9]+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{20,86}|\$(?:y|gy|7)\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{40,}|\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}|\$argon2(?:id|i|d)\$[A-Za-z0-9+/=,$]{40,})",
    finds ["root:⟦$6${16}${86}⟧:19000:0:99999:7:::", "bob:⟦$2y$10${53}⟧", "bob:⟦$y$j9T${22}${43}⟧:19000::::::"]
    leaves ["echo $1$2", "awk '{print $1$5$6}'", "root:!:19000::::::"];
];

/// Hashes that are the password to whoever holds them, and so are guessed like one.
pub(super) const HASHES: &[Rule] = &[Rule {
    id: "nt-hash",
    what: "NT hash of a dump",
    source: "pattern ours; the format of pwdump",
    keywords: &[":::"],
    pattern: r"(?i):[0-9]+:([0-9a-f]{32}):([0-9a-f]{32}):::",
    finds: &["Administrator:500:⟦aad3b435b51404eeaad3b435b51404ee⟧:⟦{x32}⟧:::"],
    leaves: &["std:::vector", "a:::b"],
    guard: Guard::Token,
    strength: Strength::Chosen,
    keeps_keyword: false,
    ..TOKEN
}];
