/* results/seal.c - see seal.h. */
#include <config.h>

#include "results/seal.h"

#include <gpgme.h>
#include <stdio.h>
#include <string.h>

#include "harness/buf.h"
#include "harness/fault.h"

static bool
failed(struct fault *why, enum fault_kind kind, gpgme_error_t error,
       const char *what)
{
    char text[200];

    (void)gpgme_strerror_r(error, text, sizeof text);
    return fault_set(why, kind, "%s: %s (%s)", what, text,
                     gpgme_strsource(error));
}

static bool
open_context(gpgme_ctx_t *out, struct fault *why)
{
    gpgme_error_t error;

    if (gpgme_check_version("1.14.0") == NULL)
        return fault_set(why, FAULT_SYSTEM, "gpgme is older than 1.14");
    error = gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP);
    if (error != 0) {
        failed(why, FAULT_SYSTEM, error, "GnuPG");
        return fault_hint(why, "install the package gnupg");
    }
    error = gpgme_new(out);
    if (error != 0)
        return failed(why, FAULT_SYSTEM, error, "gpgme");
    gpgme_set_armor(*out, 0);
    error = gpgme_set_pinentry_mode(*out, GPGME_PINENTRY_MODE_ERROR);
    if (error != 0)
        return failed(why, FAULT_SYSTEM, error, "gpgme");
    return true;
}

static bool
can_sign(gpgme_key_t key)
{
    return key->can_sign && key->secret && !key->revoked && !key->expired &&
           !key->disabled && !key->invalid && key->fpr != NULL &&
           strlen(key->fpr) < SEAL_FINGERPRINT_BYTES;
}

bool
seal_key(const char *name, char fingerprint[static SEAL_FINGERPRINT_BYTES],
         struct fault *why)
{
    gpgme_ctx_t ctx = NULL;
    gpgme_key_t key = NULL;
    gpgme_error_t error = 0;
    int count = 0;
    bool ok = open_context(&ctx, why);

    if (!ok)
        goto out;
    error = gpgme_op_keylist_start(ctx, name, 1);
    while (error == 0 && (error = gpgme_op_keylist_next(ctx, &key)) == 0) {
        if (can_sign(key) && ++count == 1)
            snprintf(fingerprint, SEAL_FINGERPRINT_BYTES, "%s", key->fpr);
        gpgme_key_unref(key);
        key = NULL;
    }
    if (gpgme_err_code(error) != GPG_ERR_EOF) {
        ok = failed(why, FAULT_PEER, error, "list secret keys");
    } else if (count != 1) {
        ok = fault_set(why, FAULT_CONFIG, count == 0
                       ? "there is no secret key '%s' that can sign"
                       : "several secret keys are meant by '%s'", name);
        fault_hint(why, "'gpg --list-secret-keys' shows what there is%s",
                   count == 0 ? "" : "; name one by its fingerprint");
    }
out:
    if (ctx != NULL)
        gpgme_release(ctx);
    return ok;
}

/* gpgme's memory, all of it. */
static void
take(gpgme_data_t from, struct buf *to)
{
    size_t bytes = 0;
    char *data = gpgme_data_release_and_get_mem(from, &bytes);

    if (data != NULL)
        buf_add(to, data, bytes);
    gpgme_free(data);
}

bool
seal_sign(const char *fingerprint, const void *data, size_t bytes,
          struct buf *signature, struct fault *why)
{
    gpgme_data_t in = NULL, out = NULL;
    gpgme_ctx_t ctx = NULL;
    gpgme_key_t key = NULL;
    gpgme_error_t error = 0;
    bool ok = open_context(&ctx, why);

    if (!ok)
        goto out;
    error = gpgme_get_key(ctx, fingerprint, &key, 1);
    if (error == 0)
        error = gpgme_signers_add(ctx, key);
    if (error == 0)
        error = gpgme_data_new_from_mem(&in, data, bytes, 0);
    if (error == 0)
        error = gpgme_data_new(&out);
    if (error == 0)
        error = gpgme_op_sign(ctx, in, out, GPGME_SIG_MODE_DETACH);
    ok = error == 0;
    if (ok) {
        take(out, signature);
        out = NULL;
    } else {
        failed(why, FAULT_PEER, error, "sign");
        fault_hint(why, "nobody is asked for a passphrase here: the agent "
                   "has to know it");
    }
out:
    if (in != NULL)
        gpgme_data_release(in);
    if (out != NULL)
        gpgme_data_release(out);
    if (key != NULL)
        gpgme_key_unref(key);
    if (ctx != NULL)
        gpgme_release(ctx);
    return ok;
}

const char *
seal_state_name(enum seal_state state)
{
    switch (state) {
    case SEAL_GOOD:
        return "good";
    case SEAL_BAD:
        return "bad";
    case SEAL_NO_KEY:
        return "unknown key";
    case SEAL_KEY_GONE:
        return "revoked or expired key";
    case SEAL_NONE:
        break;
    }
    return "none";
}

static enum seal_state
state_of(const struct _gpgme_signature *sig)
{
    gpgme_err_code_t code = gpgme_err_code(sig->status);

    if (code == GPG_ERR_NO_ERROR)
        return SEAL_GOOD;
    if (code == GPG_ERR_NO_PUBKEY)
        return SEAL_NO_KEY;
    if (code == GPG_ERR_KEY_EXPIRED || code == GPG_ERR_SIG_EXPIRED ||
        code == GPG_ERR_CERT_REVOKED)
        return SEAL_KEY_GONE;
    return SEAL_BAD;
}

/* A subkey signs; people know the primary key. */
static void
name_signer(gpgme_ctx_t ctx, const char *fpr, struct seal *out)
{
    gpgme_key_t key = NULL;

    snprintf(out->fingerprint, sizeof out->fingerprint, "%s", fpr);
    if (gpgme_get_key(ctx, fpr, &key, 0) != 0)
        return;
    if (key->fpr != NULL)
        snprintf(out->fingerprint, sizeof out->fingerprint, "%s", key->fpr);
    if (key->uids != NULL && key->uids->uid != NULL)
        snprintf(out->who, sizeof out->who, "%s", key->uids->uid);
    gpgme_key_unref(key);
}

bool
seal_check(const void *data, size_t bytes, const void *signature,
           size_t signature_bytes, struct seal *out, struct fault *why)
{
    gpgme_data_t text = NULL, sig = NULL;
    const struct _gpgme_op_verify_result *result;
    gpgme_ctx_t ctx = NULL;
    gpgme_error_t error = 0;
    bool ok = open_context(&ctx, why);

    *out = (struct seal){ .state = SEAL_BAD };
    if (!ok)
        goto out;
    error = gpgme_data_new_from_mem(&text, data, bytes, 0);
    if (error == 0)
        error = gpgme_data_new_from_mem(&sig, signature, signature_bytes, 0);
    ok = error == 0;
    if (!ok) {
        failed(why, FAULT_SYSTEM, error, "gpgme");
        goto out;
    }
    /* No data, bad data: that is no signature of this text. */
    if (gpgme_op_verify(ctx, sig, text, NULL) != 0)
        goto out;
    result = gpgme_op_verify_result(ctx);
    if (result == NULL || result->signatures == NULL ||
        result->signatures->next != NULL)
        goto out;
    out->state = state_of(result->signatures);
    if (result->signatures->fpr != NULL)
        name_signer(ctx, result->signatures->fpr, out);
out:
    if (text != NULL)
        gpgme_data_release(text);
    if (sig != NULL)
        gpgme_data_release(sig);
    if (ctx != NULL)
        gpgme_release(ctx);
    return ok;
}
