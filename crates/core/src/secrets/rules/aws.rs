//! What AWS gives out.

use super::{Guard, Rule, Strength, TOKEN, VALUE};

const IAM: &str = "pattern ours; format: IAM user guide (unique identifiers), gitleaks aws-access-token";
const STS: &str = "pattern ours, from answers of AWS";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "aws-access-key-id",
        what: "AWS access key ID",
        source: IAM,
        keywords: &["AKIA", "ASIA", "ABIA", "ACCA"],
        pattern: r"((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})",
        finds: &[
            "aws_access_key_id = ⟦AKIA{U16}⟧",
            "\"AccessKeyId\": \"⟦ASIA{U16}⟧\",",
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=⟦ASIA{U16}⟧%2F20260101",
        ],
        leaves: &[
            "AKIAIOSFODNN7EXAMPLE",
            "AROA2222222222EXAMPLE:i-0123456789abcdef0",
            "AKIA is a prefix",
            "MALAKIAHAS",
            "AKIAXXXXXXXXXXXXXXXX",
        ],
        ..TOKEN
    },
    Rule {
        id: "aws-secret-access-key",
        rejects_digests: true,
        what: "AWS secret access key",
        source: "pattern ours; 40 characters of Base64 beside its name",
        keywords: &[
            "secret_access_key",
            "secretaccesskey",
            "secret access key",
            "secret-access-key",
            "aws_secret",
            "secret_key",
            "secretkey",
        ],
        pattern: r"(?i)(?:secret[_ -]?(?:access[_ -]?)?key|aws_secret)(?:\s*\[[^\]]*\])?[\x22'\\]*(?:\s*(?:=>|[=:,])|\s)\s*[\x22'\\]*([A-Za-z0-9/+]{40,})",
        finds: &[
            "export AWS_SECRET_ACCESS_KEY=⟦wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY⟧",
            "aws configure set aws_secret_access_key ⟦{40}⟧ --profile x",
            "AWS Secret Access Key [None]: ⟦{40}⟧",
            "    \"SecretAccessKey\": \"⟦{40}⟧\",",
            "{\\\"SecretAccessKey\\\":\\\"⟦{40}⟧\\\"}",
        ],
        leaves: &[
            "aws_secret_access_key = $KEY",
            "AWS Secret Access Key [****************ABCD]: ",
            "aws secretsmanager get-secret-value --secret-id prod/db",
        ],
        strength: Strength::Random,
        guard: Guard::Token,
        keeps_keyword: false,
        ..TOKEN
    },
    Rule {
        id: "aws-key-pair",
        rejects_digests: true,
        what: "AWS secret access key beside its access key ID",
        source: STS,
        keywords: &["AKIA", "ASIA"],
        pattern: r"(?:AKIA|ASIA)[A-Z0-9]{16}\b[^A-Za-z0-9/+](?:.{0,80}?[^A-Za-z0-9/+])?([A-Za-z0-9/+]{40,})",
        finds: &[
            "⟦AKIA{U16}⟧,⟦{40}⟧",
            "CREDENTIALS\t⟦ASIA{U16}⟧\t2026-11-21T10:00:00+00:00\t⟦{40}⟧\t⟦IQoJb3JpZ2lu{200}⟧",
        ],
        leaves: &["AKIAIOSFODNN7EXAMPLE commit 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"],
        keeps_keyword: false,
        ..TOKEN
    },
    Rule {
        id: "aws-session-token",
        what: "AWS session token",
        source: STS,
        keywords: &["IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz", "FwoDYXdz", "FQoDYXdz", "AgoJb3JpZ2lu"],
        pattern: r"((?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|FwoDYXdz|FQoDYXdz|AgoJb3JpZ2lu)[A-Za-z0-9/+=%_-]{16,})",
        finds: &[
            "export AWS_SESSION_TOKEN=⟦IQoJb3JpZ2lu{300}⟧",
            "\"SessionToken\": \"⟦FwoGZXIvYXdz{200}==⟧\"",
        ],
        leaves: &["IQoJb3JpZ2lu is how they begin"],
        keeps_keyword: true,
        ..TOKEN
    },
    Rule {
        id: "aws-session-token-named",
        what: "AWS session token beside its name",
        source: STS,
        keywords: &[
            "session_token",
            "sessiontoken",
            "security_token",
            "securitytoken",
            "security-token",
            "session-token",
        ],
        pattern: r"(?i)(?:session|security)[_-]?token[\x22'\\]*(?:\s*(?:=>|[=:])|\s)\s*[\x22'\\]*([A-Za-z0-9/+=%_-]{40,})",
        finds: &[
            "aws_session_token = ⟦{120}⟧",
            "https://b.s3.amazonaws.com/k?X-Amz-Security-Token=⟦{90}%2F{60}⟧&X-Amz-Expires=60",
        ],
        leaves: &["aws configure set aws_session_token $TOKEN", "session_token: string"],
        keeps_keyword: false,
        ..TOKEN
    },
    Rule {
        id: "aws-presigned-signature",
        what: "signature of a presigned URL",
        source: "pattern ours, from the S3 API reference (query string authentication)",
        keywords: &["x-amz-signature="],
        pattern: r"(?i)X-Amz-Signature=([0-9a-f]{64})",
        finds: &["curl 'https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=⟦{x64}⟧'"],
        leaves: &["sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789abcdef"],
        keeps_keyword: false,
        ..TOKEN
    },
    Rule {
        id: "aws-instance-metadata-token",
        what: "token of the instance metadata service",
        source: "pattern ours, from the EC2 user guide (IMDSv2)",
        keywords: &["aws-ec2-metadata-token"],
        pattern: r"(?i)aws-ec2-metadata-token\s*:\s*([A-Za-z0-9_=-]{40,})",
        finds: &["curl -H \"X-aws-ec2-metadata-token: ⟦{54}==⟧\" http://169.254.169.254/latest/"],
        leaves: &[
            "curl -H \"X-aws-ec2-metadata-token: $TOKEN\" http://169.254.169.254/latest/",
            "curl -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 21600' http://169.254.169.254/latest/api/token",
        ],
        keeps_keyword: false,
        ..TOKEN
    },
    Rule {
        id: "aws-secret-string",
        what: "value of Secrets Manager",
        source: STS,
        keywords: &["secretstring", "secret-string", "secretbinary", "secret-binary"],
        pattern: r"(?i)secret-?(?:string|binary)[\x22'\\]*(?:\s*[=:]|\s)\s*(?:file://\S+|{value})",
        finds: &[
            "    \"SecretString\": \"⟦{\\\"username\\\":\\\"app\\\",\\\"password\\\":\\\"S3cr3t!\\\"}⟧\",",
            "aws secretsmanager put-secret-value --secret-id x --secret-string '⟦Tr0ub4dor⟧'",
        ],
        leaves: &["aws secretsmanager put-secret-value --secret-id x --secret-string file://x.json"],
        ..VALUE
    },
];
